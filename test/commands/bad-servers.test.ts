import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { withClient } from '../support/test-servers.ts';
import { type Program, remains, test } from './program.ts';

describe('a source that is not set up for it', () => {
  test('wal_level too low, then no free slot', async ({ program, databases }) => {
    await using server = await startServer({ name: 'unfit', settings: { wal_level: 'replica' } });
    const uri = server.uri('postgres');
    expect(await blocked(program, uri)).toMatchObject({
      code: 'TM1205',
      side: 'source',
      object: 'source-wal-level',
      message: expect.stringContaining('wal_level = replica'),
      hint: expect.stringMatching(/wal_level = '?logical.*restart/s),
    });
    await server.restart('fast', { wal_level: 'logical', max_replication_slots: 1 });
    const slots = (sql: string) => withClient(uri, (client) => client.query(sql));
    await slots(`SELECT pg_create_physical_replication_slot('somebody_elses')`);
    expect(await blocked(program, uri)).toMatchObject({
      code: 'TM1207',
      side: 'source',
      object: 'source-replication-slots',
      message: expect.stringContaining('0 of 1 free'),
      hint: expect.stringContaining('max_replication_slots'),
    });
    expect((await slots('SELECT slot_name FROM pg_replication_slots')).rows).toEqual([{ slot_name: 'somebody_elses' }]);
    expect(await remains(databases)).toEqual([]);
  });
});

/** The error that `check` and `migrate` both end with, with exit code 3. */
async function blocked(program: Program, source: string): Promise<unknown> {
  const env = { SOURCE: source };
  const [check, migrate] = [
    await program.run(['check', '--json'], { env }),
    await program.run(['migrate', '--json'], { env }),
  ];
  const errors = [check, migrate].map(({ events }) =>
    events.filter(({ type }) => type === 'error').map(({ error }) => error),
  );
  expect(check).toMatchObject({ code: 3, stderr: migrate.stderr });
  expect(migrate.code).toBe(3);
  expect(errors[0]).toHaveLength(1);
  expect(errors[0]).toEqual(errors[1]);
  expect(check.events).toContainEqual(expect.objectContaining({ type: 'result', ok: false }));
  return errors[0]?.[0];
}
