import { describe, expect, inject } from 'vitest';
import type { MigrationOptions } from '../../src/engine/options.ts';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { createApplicationDatabase } from './whole/application-database.ts';
import { Migration } from './whole/migration.ts';
import { startApplication } from './whole/writers.ts';

/** `SEED=7 npx vitest run …` writes something else. */
const SEED = Number(process.env.SEED ?? 1);

/** Of an application with everything that PostgreSQL has, under writes from before the beginning until the fence. */
async function migrate(databases: TestDatabases, seed: number, options: Partial<MigrationOptions>): Promise<Migration> {
  const { source, target } = databases;
  const { ownerUri } = await createApplicationDatabase(databases);
  await using application = await startApplication(ownerUri, seed);
  const migration = await Migration.start({
    source: ownerUri,
    target: target.uri,
    targetDatabase: target.name,
    options: { tableJobs: 3, indexJobs: 2, freezeSource: true, ...options },
  });
  await using _ = migration;
  const writtenAt = new Map<string, number>();
  migration.onEvent((event) => {
    if (event.type === 'phase') writtenAt.set(event.phase, application.stats.transactions);
  });
  await migration.reached('replay');
  const { transactions } = application.stats;
  await migration.until(() => application.stats.transactions > transactions + 300, 'writes during replay');
  expect(application.stats.errors).toEqual([]);
  await migration.cutOver();
  await application.done;

  expect(application.stats.errors).toEqual([]);
  const written = (phase: string) => writtenAt.get(phase) ?? 0;
  expect(written('replay'), 'transactions during the copy').toBeGreaterThan(written('copy'));
  expect(written('done'), 'transactions after the request').toBeGreaterThan(transactions + 300);
  expect(migration.of('retry')).toEqual([]);
  expect(migration.of('error')).toEqual([]);
  expect(migration.warnings).toEqual(['Conditions overridden: a test']);
  expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  const verified = await migration.verify();
  expect(verified.tables.filter((table) => !table.equal)).toEqual([]);
  expect(verified.objects).toEqual([]);
  return migration;
}

describe(`a whole migration (seed ${SEED})`, () => {
  test('under writes, everything arrives', async ({ databases }) => {
    const migration = await migrate(databases, SEED, {});
    expect(migration.of('plan').flatMap((plan) => plan.tables).length).toBeGreaterThan(60);
  });

  test('in parts', async ({ databases }) => {
    const migration = await migrate(databases, SEED + 1, { splitTablesLargerThan: 64 * 1024 });
    const parts = migration.of('plan').flatMap((plan) => plan.tables.map((table) => table.parts));
    expect(parts.filter((count) => count > 1).length).toBeGreaterThan(5);
  });

  test('told by test_decoding', async ({ databases }) => {
    const migration = await migrate(databases, SEED + 3, { plugin: 'test_decoding' });
    expect(migration.of('snapshot').length).toBe(1);
  });

  // An older one refuses the numeric and float columns of this application; plugins-by-name/wal2json has a smaller one for it.
  test.skipIf(inject('wal2json') !== 'quoted')('told by wal2json 2.6 or newer', async ({ databases }) => {
    const migration = await migrate(databases, SEED + 4, { plugin: 'wal2json' });
    expect(migration.of('snapshot').length).toBe(1);
  });

  describe('a target that may not set session_replication_role', () => {
    test.override({ databaseOptions: { replicaRole: false } });
    test('under writes, everything arrives', async ({ databases }) => {
      await migrate(databases, SEED + 2, {});
    });
  });
});
