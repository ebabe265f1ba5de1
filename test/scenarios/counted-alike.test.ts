import { tmpdir } from 'node:os';
import { describe, expect } from 'vitest';
import { summarize } from '../../src/commands/plan-summary.ts';
import type { EngineEvent } from '../../src/engine/events.ts';
import { type MigrationOptions, migrationOptionsSchema } from '../../src/engine/options.ts';
import { foldProgress, initialProgress, type Progress } from '../../src/engine/progress.ts';
import { connect, endQuietly } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { followCounts } from '../../src/state/table-order.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { until } from '../support/wait.ts';
import { Migration } from './whole/migration.ts';

const SCHEMA = `
CREATE TABLE a (id int PRIMARY KEY, n int UNIQUE, during int4range, EXCLUDE USING gist (during WITH &&));
CREATE INDEX a_n ON a (n) WHERE n > 0;
CREATE TABLE b (id int PRIMARY KEY);
CREATE TABLE c (id int PRIMARY KEY);
CREATE TABLE part (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX part_at ON part (at);
CREATE MATERIALIZED VIEW seen AS SELECT id FROM a;
CREATE UNIQUE INDEX seen_id ON seen (id);
CREATE SCHEMA other;
CREATE TABLE other.d (id int PRIMARY KEY);
CREATE MATERIALIZED VIEW other.v AS SELECT 1 AS id;
CREATE INDEX v_id ON other.v (id);
INSERT INTO a SELECT i, i FROM generate_series(1, 100) i;`;

async function plannedIndexes({ source, target }: TestDatabases, given: Partial<MigrationOptions>): Promise<number> {
  const clients = {
    source: await connect(parseConnectionString(source.uri, {}), { side: 'source', application: 'test' }),
    target: await connect(parseConnectionString(target.uri, {}), { side: 'target', application: 'test' }),
  };
  try {
    const options = migrationOptionsSchema.parse(given);
    return (await summarize({ options }, { ...clients, directory: tmpdir(), walPerSecond: null })).indexes;
  } finally {
    await Promise.all([endQuietly(clients.source), endQuietly(clients.target)]);
  }
}

const begin = (databases: TestDatabases, of: Partial<Parameters<typeof Migration.start>[0]> = {}) =>
  Migration.start({
    source: databases.source.uri,
    target: databases.target.uri,
    targetDatabase: databases.target.name,
    ...of,
  });

const folded = (events: readonly EngineEvent[]): Progress =>
  events.reduce<Progress>(
    (sum, event) => foldProgress(sum, event),
    initialProgress({ migration_id: 'm', source: '', target: '', target_database: '' }),
  );
const gates = ({ events }: Migration, id: string): string[] =>
  events.flatMap((event) => (event.type === 'gate' && event.id === id ? [event.detail] : []));

describe('what is counted twice is the same twice', () => {
  const cases: readonly Partial<MigrationOptions>[] = [
    {},
    { skipIndex: ['a_n', 'seen_*'] },
    { skipIndex: ['part_at'] },
    { excludeSchema: ['other'] },
    { excludeTable: ['public.b'] },
  ];
  for (const options of cases) {
    test(`indexes of the plan and of the engine, ${JSON.stringify(options)}`, async ({ databases }) => {
      databases.allow('slot');
      await databases.source.query(SCHEMA);
      // It stays invalid, and is not brought.
      await databases.source.query('CREATE UNIQUE INDEX CONCURRENTLY a_odd ON a ((id % 2))').catch(() => undefined);
      const planned = await plannedIndexes(databases, options);
      await using migration = await begin(databases, { options });
      await migration.reached('replay');
      const { total, done } = folded(migration.events).indexes;
      expect({ total, done }).toEqual({ total: planned, done: planned });
    });
  }

  test('after a resume, and after a table was dropped on both sides', async ({ databases }) => {
    const { source, target } = databases;
    databases.allow('slot');
    await source.query(SCHEMA);
    const first = await begin(databases);
    await first.reached('replay');
    await until(() => gates(first, 'copied').some((detail) => detail.startsWith('5 of 5')), { what: 'the tables' });
    const before = folded(first.events).indexes;
    await first.stop();
    await using again = await begin(databases, { resume: { directory: first.directory } });
    await again.reached('replay');
    await until(() => gates(again, 'copied').length > 0, { what: 'the conditions' });
    expect(gates(again, 'copied')[0]).toMatch(/^5 of 5 tables/);
    expect(folded(again.events).indexes).toEqual(before);
    await source.query('DROP TABLE b');
    await until(() => followCounts(folded(again.events)).dropped === 1, { what: 'the drop to be told' });
    expect(followCounts(folded(again.events))).toMatchObject({ total: 4, following: 4 });
    await until(() => gates(again, 'copied').at(-1)?.startsWith('4 of 4 tables') ?? false, { what: 'the condition' });
    await target.query('DROP TABLE b');
    await until(() => followCounts(folded(again.events)).dropped === 0, { what: 'the drop on the target to be seen' });
    expect(followCounts(folded(again.events))).toMatchObject({ total: 4, following: 4 });
    await until(() => gates(again, 'copied').at(-1)?.startsWith('4 of 4 tables') ?? false, { what: 'the condition' });
  });
});
