import { readdir, rm } from 'node:fs/promises';
import { describe, expect } from 'vitest';
import { readKeptIdentities } from '../../src/engine/clean/kept-identities.ts';
import { createIndexChoice } from '../../src/providers/identity/choices.ts';
import type { TestDatabase } from '../support/databases.ts';
import { IdentityScreen, identitiesOf, indexesOf } from '../support/identity.ts';
import { remains, test } from './program.ts';

const TABLES = `CREATE TABLE plain (a int NOT NULL, b int); INSERT INTO plain VALUES (1, 1);
  CREATE TABLE uniq (a int NOT NULL UNIQUE, b int); ALTER TABLE uniq REPLICA IDENTITY NOTHING;
  CREATE TABLE other (a int NOT NULL, CONSTRAINT "Old" UNIQUE (a) DEFERRABLE); INSERT INTO other VALUES (1)`;

/** `plain` gets a new index, `uniq` the one that it has, `other` FULL. */
async function setAll(source: TestDatabase, directory: string): Promise<IdentityScreen> {
  const screen = new IdentityScreen(directory, source);
  await screen.apply(createIndexChoice(await screen.row('public.plain'), ['a']));
  await screen.apply(await screen.choice('public.uniq', 'index'));
  await screen.apply(await screen.choice('public.other', 'full'));
  return screen;
}
const CHANGED = { 'public.other': 'f', 'public.plain': 'i plain_a_identity', 'public.uniq': 'i uniq_a_key' };
const BEFORE = { 'public.other': 'd', 'public.plain': 'd', 'public.uniq': 'n' };

describe.concurrent('clean after replica identities were set', () => {
  test('puts each back and drops the index that was made', async ({ program, databases: { source } }) => {
    await source.query(TABLES);
    await setAll(source, program.directory);
    expect(await identitiesOf(source)).toEqual(CHANGED);
    const cleaned = await program.run(['clean']);
    expect(cleaned, cleaned.stderr).toMatchObject({ code: 0 });
    for (const line of [
      'source: replica identity of public.plain is DEFAULT again',
      'source: replica identity of public.uniq is NOTHING again',
      'source: replica identity of public.other is DEFAULT again',
      'Removed source: index public.plain_a_identity',
    ]) {
      expect(cleaned.stdout.split('\n')).toContain(line);
    }
    expect(await identitiesOf(source)).toEqual(BEFORE);
    expect(await indexesOf(source)).toEqual(['Old', 'uniq_a_key']);
    expect((await program.run(['clean'])).stdout).toBe('Nothing to remove.\n');
  });

  test('puts back the index that was the identity before, under its new name', async ({
    program,
    databases: { source },
  }) => {
    await source.query(`CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX one ON t (a); INSERT INTO t VALUES (1);
      CREATE TABLE u (a int NOT NULL CONSTRAINT u_key UNIQUE); ALTER TABLE u REPLICA IDENTITY USING INDEX u_key;
      ALTER TABLE u DROP CONSTRAINT u_key; INSERT INTO u VALUES (1)`);
    const screen = new IdentityScreen(program.directory, source);
    const choices = [await screen.choice('public.t', 'full'), await screen.choice('public.u', 'full')];
    // Somebody was quicker than the operator.
    await source.query('ALTER TABLE t REPLICA IDENTITY USING INDEX one');
    for (const choice of choices) await screen.apply(choice);
    expect(await identitiesOf(source)).toMatchObject({ 'public.t': expect.stringMatching(/^f/), 'public.u': 'f' });
    await source.query('ALTER INDEX one RENAME TO two');
    const cleaned = await program.run(['clean', '--json']);
    expect(cleaned, cleaned.stderr).toMatchObject({ code: 0 });
    // A lost index means the same as NOTHING.
    expect(cleaned.events.at(-1)).toMatchObject({
      restored: [
        'source: replica identity of public.t is USING INDEX "two" again',
        'source: replica identity of public.u is NOTHING again',
      ],
    });
    expect(await identitiesOf(source)).toEqual({ 'public.t': 'i two', 'public.u': 'n' });
  });

  test('does so when a migration has run, once its publications are gone', async ({ program, databases }) => {
    const { source } = databases;
    await source.query(TABLES);
    await setAll(source, program.directory);
    const taken = await program.run(['snapshot']);
    expect(taken, taken.stderr).toMatchObject({ code: 0 });
    const cleaned = await program.run(['clean', '--prune']);
    expect(cleaned, cleaned.stderr).toMatchObject({ code: 0 });
    expect(cleaned.stdout).toContain('source: replica identity of public.plain is DEFAULT again');
    expect(await identitiesOf(source)).toEqual(BEFORE);
    expect(await remains(databases)).toEqual([]);
    expect(await readdir(program.root)).toEqual([]);
    await source.query(
      'UPDATE plain SET b = 2; UPDATE other SET a = 2; INSERT INTO uniq VALUES (1, 1); UPDATE uniq SET b = 2',
    );
  });

  test('leaves them with --keep-identity, until it is run without', async ({ program, databases: { source } }) => {
    await source.query(TABLES);
    await setAll(source, program.directory);
    const kept = await program.run(['clean', '--keep-identity']);
    expect(kept, kept.stderr).toMatchObject({ code: 0 });
    expect(kept.stdout).toContain('source: replica identity of public.plain is kept as the wizard set it');
    expect(await identitiesOf(source)).toEqual(CHANGED);
    expect((await program.run(['clean'])).code).toBe(0);
    expect(await identitiesOf(source)).toEqual(BEFORE);
  });

  test('is not what migrate --drop-if-exists does', async ({ program, databases: { source } }) => {
    await source.query(TABLES);
    await setAll(source, program.directory);
    for (const args of [['migrate'], ['migrate', '--drop-if-exists']]) {
      const started = program.start(args);
      await started.says('Replaying changes of the source');
      started.kill('SIGTERM');
      expect((await started.finished).code).toBe(130);
    }
    expect(await identitiesOf(source)).toEqual(CHANGED);
    expect((await program.run(['clean'])).code).toBe(0);
    expect(await identitiesOf(source)).toEqual(BEFORE);
  });

  test('leaves what was changed since, and tables that are gone or renamed are known by what they are', async ({
    program,
    databases: { source },
  }) => {
    await source.query(TABLES);
    await setAll(source, program.directory);
    await source.query(
      `ALTER TABLE plain REPLICA IDENTITY FULL; ALTER TABLE uniq RENAME TO "Uniq 2"; DROP TABLE other`,
    );
    const cleaned = await program.run(['clean']);
    expect(cleaned, cleaned.stderr).toMatchObject({ code: 0 });
    for (const line of [
      'source: replica identity of public.plain was changed by somebody since: it stays FULL',
      'Removed source: index public.plain_a_identity',
      'source: replica identity of public."Uniq 2" (it was public.uniq) is NOTHING again',
      'source: table public.other is not there any more: nothing to put back',
    ]) {
      expect(cleaned.stdout.split('\n')).toContain(line);
    }
    expect(await identitiesOf(source)).toEqual({ 'public.plain': 'f', 'public.Uniq 2': 'n' });
  });

  test.for([
    ['the table', 'FOR TABLE plain'],
    ['all tables', 'FOR ALL TABLES'],
    ['its schema', 'FOR TABLES IN SCHEMA public'],
  ])('leaves it where somebody else publishes updates of %s', async ([, what], { program, databases: { source } }) => {
    await source.query(TABLES);
    await setAll(source, program.directory);
    await source.admin(
      `CREATE PUBLICATION theirs ${what}; CREATE PUBLICATION inserts FOR TABLE other WITH (publish = 'insert')`,
    );
    const cleaned = await program.run(['clean']);
    expect(cleaned, cleaned.stderr).toMatchObject({ code: 0 });
    const line = cleaned.stdout.split('\n').find((one) => one.includes('public.plain stays')) ?? '';
    expect(line).toMatch(
      /^source: replica identity of public\.plain stays USING INDEX "plain_a_identity": publication "theirs"/,
    );
    await source.query('UPDATE plain SET b = 2');
    expect((await identitiesOf(source))['public.plain']).toBe('i plain_a_identity');
    // Once it is gone, what the line says does it, and so does another clean.
    await source.admin('DROP PUBLICATION theirs');
    await source.query(/ALTER TABLE .*;/.exec(line)?.[0] ?? '');
    expect((await program.run(['clean'])).stdout).toContain('index public.plain_a_identity');
    expect(await identitiesOf(source)).toEqual(BEFORE);
    expect(await indexesOf(source)).toEqual(['Old', 'uniq_a_key']);
  });

  test('leaves an index that something stands on by now', async ({ program, databases: { source } }) => {
    await source.query(TABLES);
    await setAll(source, program.directory);
    await source.query('CREATE TABLE child (a int REFERENCES plain (a))');
    const cleaned = await program.run(['clean']);
    expect(cleaned, cleaned.stderr).toMatchObject({ code: 0 });
    expect(cleaned.stdout).toContain('source: index public.plain_a_identity stays: a constraint stands on it');
    expect(await indexesOf(source)).toContain('plain_a_identity');
  });

  test('says which table it could not get, and another clean goes on', async ({ program, databases: { source } }) => {
    await source.query(TABLES);
    await setAll(source, program.directory);
    const application = await source.connect();
    await application.query('BEGIN; SELECT FROM uniq');
    const locked = await program.run(['clean', '--prune']);
    expect(locked.code).toBe(1);
    expect(locked.stdout).toMatch(
      /replica identity of public\.uniq is still USING INDEX "uniq_a_key": the table was locked by \d+/,
    );
    expect(await identitiesOf(source)).toEqual({ ...BEFORE, 'public.uniq': 'i uniq_a_key' });
    await application.query('COMMIT');
    expect(await program.run(['clean', '--prune'])).toMatchObject({ code: 0 });
    expect(await identitiesOf(source)).toEqual(BEFORE);
    expect(await readdir(program.root)).toEqual([]);
  });

  test('knows nothing without the work directory, and another source is another source', async ({
    program,
    databases: { source, target },
  }) => {
    await source.query(TABLES);
    await setAll(source, program.directory);
    // The same OIDs may be there, too.
    const env = { SOURCE: target.uri, TARGET: source.uri };
    expect(await program.run(['clean'], { env })).toMatchObject({ code: 0, stdout: 'Nothing to remove.\n' });
    expect(await readKeptIdentities(program.directory)).toHaveLength(3);
    await rm(program.directory, { recursive: true });
    expect(await program.run(['clean'])).toMatchObject({ code: 0, stdout: 'Nothing to remove.\n' });
    expect(await identitiesOf(source)).toEqual(CHANGED);
  });
});

test('two choices one after the other leave one way back', async ({ program, databases: { source } }) => {
  await source.query(TABLES);
  const screen = new IdentityScreen(program.directory, source);
  const row = await screen.row('public.plain');
  await screen.apply(createIndexChoice(row, ['a']));
  for (const kind of ['full', 'create-index'] as const) {
    const choice = kind === 'full' ? row.choices.find((one) => one.kind === 'full') : createIndexChoice(row, ['a']);
    if (choice) await screen.apply(choice);
  }
  expect((await identitiesOf(source))['public.plain']).toBe('i plain_a_identity');
  expect((await program.run(['clean'])).stdout).toContain('public.plain is DEFAULT again');
  expect((await identitiesOf(source))['public.plain']).toBe('d');
  expect(await indexesOf(source)).toEqual(['Old', 'uniq_a_key']);
});
