import { describe, expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { Migration } from './whole/migration.ts';

const fences = (migration: Migration): number =>
  migration.of('cutover').filter(({ step, state }) => step === 'fence' && state === 'running').length;

const gaveUp = (migration: Migration) => () => migration.troubleCodes.includes('operator TM6008');

/** A migration that cuts over by itself, into a target that refuses a row at the end. */
async function refused({ source, target }: TestDatabases): Promise<Migration> {
  await source.query(`CREATE TABLE t (id int PRIMARY KEY); CREATE UNLOGGED TABLE u (id int PRIMARY KEY);
    INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)`);
  const migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    options: { cutover: 'auto', freezeSource: true },
  });
  await migration.reached('replay');
  await target.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION refuse(); ALTER TABLE u ENABLE ALWAYS TRIGGER refuse`);
  await migration.until(gaveUp(migration), 'the automatic cut-over to be given up');
  return migration;
}

/** Some looks at the conditions later. */
async function looks(migration: Migration, count: number): Promise<void> {
  const from = migration.of('gate').filter(({ id }) => id === 'writers').length;
  const now = () => migration.of('gate').filter(({ id }) => id === 'writers').length;
  await migration.until(() => now() >= from + count, 'more looks at the conditions');
}

describe('a cut-over that begins by itself and fails for a reason that stays', () => {
  test('is tried twice, told, and tried again once the target was altered', async ({ databases }) => {
    const { source, target } = databases;
    await using migration = await refused(databases);
    expect(fences(migration)).toBe(2);
    expect(migration.troubles).toMatchObject([
      { code: 'TM6008', object: 'public.u', message: expect.stringContaining('not this one') },
    ]);
    // Longer than what lies between two tries.
    await looks(migration, 15);
    expect(fences(migration)).toBe(2);
    // It takes writes meanwhile, and replay goes on.
    await source.query('INSERT INTO t VALUES (2)');
    await target.query('DROP FUNCTION refuse CASCADE');
    expect(await migration.ended).toBeNull();
    expect(fences(migration)).toBe(3);
    expect(migration.troubles).toEqual([]);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('does not keep a cut-over that somebody asks for from beginning', async ({ databases }) => {
    const { target } = databases;
    await using migration = await refused(databases);
    const healthy = migration.of('gate').findLast(({ id }) => id === 'healthy');
    expect(healthy).toMatchObject({ ok: true });
    const before = migration.of('error').length;
    await migration.requestCutover();
    await migration.until(() => migration.of('error').length > before, 'that one to fail, too');
    expect(migration.of('error').at(-1)?.error).toMatchObject({ code: 'TM6005', object: 'public.u' });
    expect(migration.troubleCodes).not.toContain('operator TM6008');
    await migration.until(gaveUp(migration), 'it to be given up again');
    await target.query('ALTER TABLE u DISABLE TRIGGER refuse');
    expect(await migration.ended).toBeNull();
  });
});
