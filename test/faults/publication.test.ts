import { describe, expect } from 'vitest';
import { Migration, type MigrationInput } from '../scenarios/whole/migration.ts';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';

const TABLES = `
CREATE TABLE kept (id int PRIMARY KEY, v text); CREATE TABLE taken (id int PRIMARY KEY, v text); CREATE TABLE log (v text);
CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE parted_2 PARTITION OF parted DEFAULT; CREATE TABLE of_parted (id int PRIMARY KEY REFERENCES parted);
INSERT INTO kept SELECT g, 'a' FROM generate_series(1, 50) g; INSERT INTO taken SELECT * FROM kept; INSERT INTO log SELECT v FROM kept;
INSERT INTO parted SELECT g * 3, 'a' FROM generate_series(1, 50) g; INSERT INTO of_parted SELECT id FROM parted`;

const start = ({ source, target }: TestDatabases, more: Partial<MigrationInput> = {}) =>
  Migration.start({ source: source.uri, target: target.uri, targetDatabase: target.name, ...more });

async function replaying(databases: TestDatabases, more: Partial<MigrationInput> = {}): Promise<Migration> {
  const migration = await start(databases, more);
  await migration.reached('replay');
  await migration.until(
    () => migration.of('gate').some((gate) => gate.id === 'copied' && gate.ok),
    'all tables to be live',
  );
  return migration;
}

const damaged = (migration: Migration) =>
  migration
    .of('table')
    .flatMap(({ relation, state, damage }) => (state === 'damaged' ? [`${relation} ${damage?.code}`] : []));

const copiedAgain = (migration: Migration) =>
  migration.until(() => migration.of('gate').findLast(({ id }) => id === 'damaged')?.ok === true, 'the copy');

const publicationOf = async ({ source }: TestDatabases) =>
  (await source.query<{ name: string }>('SELECT min(pubname) AS name FROM pg_publication'))[0]?.name ?? '';

describe('a publication of ours, changed by somebody', () => {
  test('a table taken out of the publication: its changes do not come, so it is damaged; copied again it is published, too', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using migration = await replaying(databases);
    const publication = await publicationOf(databases);
    await source.query(`ALTER PUBLICATION ${publication} DROP TABLE taken`);
    await source.query(`UPDATE taken SET v = 'silent'; INSERT INTO kept VALUES (100, 'heard')`);
    await migration.until(() => damaged(migration).length > 0, 'the table to be damaged');
    expect(damaged(migration)).toEqual(['public.taken TM1308']);
    expect(migration.warnings).toEqual([
      expect.stringMatching(/^public\.taken is damaged .*taken out of our publication.*--resync/),
    ]);
    await migration.until(
      () => migration.of('gate').findLast((gate) => gate.id === 'damaged')?.ok === false,
      'the cut-over to be locked',
    );
    await expect(migration.requestCutover()).rejects.toMatchObject({ code: 'TM6002' });

    await migration.resync();
    await copiedAgain(migration);
    await source.query(`UPDATE taken SET v = 'heard again' WHERE id = 7`);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('a partitioned table taken out and put back while the engine was stopped: what came between is missed, and found out', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using first = await replaying(databases);
    await first.stop();
    const publication = await publicationOf(databases);
    await source.query(`ALTER PUBLICATION ${publication} DROP TABLE parted`);
    await source.query(`UPDATE parted SET v = 'silent'`);
    await source.query(`ALTER PUBLICATION ${publication} ADD TABLE parted`);
    await using migration = await replaying(databases, { resume: { directory: first.directory } });
    await migration.until(() => damaged(migration).length >= 2, 'both partitions to be damaged');
    expect(damaged(migration).sort()).toEqual(['public.parted_1 TM1308', 'public.parted_2 TM1308']);
    await migration.resync();
    await copiedAgain(migration);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('a table taken out a moment before the cut-over: the cut-over finds it', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using migration = await replaying(databases);
    const publication = await publicationOf(databases);
    // Replay meets the rows only when the cut-over has begun.
    const holder = await target.connect();
    await holder.query('BEGIN; LOCK TABLE kept IN ACCESS EXCLUSIVE MODE');
    await source.query(`UPDATE kept SET v = 'b'`);
    await migration.requestCutover(false);
    await migration.until(
      () => migration.of('cutover').some(({ step, state }) => step === 'drain' && state === 'running'),
      'the drain',
    );
    await source.query(`ALTER PUBLICATION ${publication} DROP TABLE taken`);
    await source.query(`UPDATE taken SET v = 'silent'`);
    await holder.query('COMMIT');
    await migration.until(() => migration.of('error').length > 0, 'the cut-over to fail');
    expect(migration.of('error')[0]?.error).toMatchObject({ code: 'TM6002', object: 'public.taken' });
    await migration.resync();
    await copiedAgain(migration);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('a publication dropped: it ends with what to do, and all tables are copied again by migrate --resync', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using first = await replaying(databases);
    const publication = await publicationOf(databases);
    await source.query(`DROP PUBLICATION ${publication}`);
    await source.query(`UPDATE taken SET v = 'silent'`);
    expect(await first.ended).toMatchObject({
      code: 'TM1309',
      side: 'source',
      hint: expect.stringContaining('migrate --resync'),
    });
    await using again = await start(databases, { resume: { directory: first.directory } });
    expect(await again.ended).toMatchObject({ code: 'TM1309' });

    await using migration = await start(databases, { resume: { directory: first.directory, resync: [] } });
    await migration.reached('replay');
    await source.query(`UPDATE taken SET v = 'heard' WHERE id < 10`);
    await migration.cutOver();
    expect(migration.warnings).toContainEqual(
      expect.stringMatching(/^All tables are copied again, with a new slot: TM1309 /),
    );
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });
});
