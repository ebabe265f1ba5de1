import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { mayHeal } from '../../src/engine/error-policy.ts';
import { connect, destroy, endQuietly, withClient } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { SESSION_SETTINGS } from '../../src/postgres/session-settings.ts';
import { test } from '../support/databases.ts';

const open = (uri: string, more: Partial<Parameters<typeof connect>[1]> = {}) =>
  connect(parseConnectionString(uri, {}), { side: 'source', application: 'test', ...more });

describe('a session', () => {
  for (const replication of [undefined, 'database'] as const) {
    test(`has the fixed settings whatever role and database say (${replication ?? 'ordinary'})`, async ({
      databases: { source },
    }) => {
      await source.admin(`ALTER DATABASE ${source.name} SET DateStyle = 'German';
        ALTER DATABASE ${source.name} SET statement_timeout = '1ms';
        ALTER DATABASE ${source.name} SET default_transaction_read_only = on;
        ALTER DATABASE ${source.name} SET search_path = evil, public;
        ALTER ROLE ${source.owner} IN DATABASE ${source.name} SET TimeZone = 'Asia/Tokyo';
        ALTER ROLE ${source.owner} IN DATABASE ${source.name} SET idle_session_timeout = '1h'`);
      const settings = parseConnectionString(source.uri, {});
      const kind = replication ? { replication } : {};
      await withClient(settings, { side: 'source', application: 'test', ...kind }, async (client) => {
        const wanted = { ...SESSION_SETTINGS, default_transaction_read_only: 'off', idle_session_timeout: '0' };
        for (const [name, value] of Object.entries(wanted)) {
          const { rows } = await client.query<Record<string, string>>(`SHOW ${name}`);
          expect([name, ...Object.values(rows[0] ?? {})]).toEqual([name, value]);
        }
      });
    });
  }

  test('takes settings of its own, and options of the operator that do not override the fixed ones', async ({
    databases: { source },
  }) => {
    const client = await open(`${source.uri}?options=-c%20geqo%3Doff%20-c%20TimeZone%3DAsia/Tokyo`, {
      sessionSettings: { work_mem: '7MB', application_name: 'a b\\c' },
    });
    const show = async (name: string) =>
      Object.values((await client.query<Record<string, string>>(`SHOW ${name}`)).rows[0] ?? {})[0];
    expect(await show('geqo')).toBe('off');
    expect(await show('TimeZone')).toBe('UTC');
    expect(await show('work_mem')).toBe('7MB');
    await endQuietly(client);
  });

  test('gives all values as the text that the server sent', async ({ databases: { source } }) => {
    const client = await open(source.uri);
    const { rows } = await client.query(`SELECT 9007199254740993::int8 AS a, 'infinity'::timestamptz AS b, true AS c,
      '0001-01-01 BC'::date AS d, '{"x": 1.0}'::json AS e, 'NaN'::numeric AS f, '{1,NULL}'::int[] AS g, NULL::int AS h,
      '\\x00ff'::bytea AS i, 1.10::float8 AS j, '1 mon -3 days'::interval AS k`);
    expect(rows[0]).toEqual({
      a: '9007199254740993',
      b: 'infinity',
      c: 't',
      d: '0001-01-01 BC',
      e: '{"x": 1.0}',
      f: 'NaN',
      g: '{1,NULL}',
      h: null,
      i: '\\x00ff',
      j: '1.1',
      k: '1 mon -3 days',
    });
    await endQuietly(client);
  });

  test('is named after its work', async ({ databases: { source } }) => {
    const client = await open(source.uri);
    const rows = await source.admin('SELECT application_name FROM pg_stat_activity WHERE pid = $1', [
      (client as unknown as { processID: number }).processID,
    ]);
    expect(rows).toEqual([{ application_name: 'tiger-migrate-tui test' }]);
    await endQuietly(client);
  });

  test('that the server ends rejects its query and ends nothing else', async ({ databases: { source } }) => {
    const client = await open(source.uri);
    const sleeping = client.query('SELECT pg_sleep(1000)').then(
      () => null,
      (error: unknown) => error,
    );
    await source.admin(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tiger-migrate-tui test' AND datname = current_database()",
    );
    const error = await sleeping;
    expect(mayHeal(error)).toBe(true);
    await endQuietly(client);
  });

  test('that we destroy rejects its query', async ({ databases: { source } }) => {
    const client = await open(source.uri);
    const sleeping = client.query('SELECT pg_sleep(1000)').then(
      () => null,
      (error: unknown) => error,
    );
    destroy(client);
    expect(mayHeal(await sleeping)).toBe(true);
    // The server notices a closed socket only when it writes: end its query for it.
    await source.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'");
  });

  test('of withClient is ended when the work throws', async ({ databases: { source } }) => {
    const settings = parseConnectionString(source.uri, {});
    const work = withClient(settings, { side: 'source', application: 'doomed' }, async (client) => {
      await client.query('SELECT 1');
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
  });

  test('takes the password from the passfile', async ({ databases: { source } }) => {
    const directory = await mkdtemp(join(tmpdir(), 'connect-'));
    const passfile = join(directory, 'pgpass');
    const { host, port, ownerPassword } = source.server;
    await writeFile(passfile, `${host}:${port}:${source.name}:*:${ownerPassword}\n`, { mode: 0o600 });
    const uri = `postgres://${source.owner}@${host}:${port}/${source.name}`;
    const settings = parseConnectionString(uri, { PGPASSFILE: passfile });
    await withClient(settings, { side: 'source', application: 'test' }, (client) => client.query('SELECT 1'));
    await rm(directory, { recursive: true });
  });
});
