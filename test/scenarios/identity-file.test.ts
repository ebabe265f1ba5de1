import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect } from 'vitest';
import { createIndexChoice } from '../../src/providers/identity/choices.ts';
import { identitiesOf, indexesOf, test } from '../support/identity.ts';

const psql = (uri: string, file: string) => execa('psql', ['-X', '-q', '-f', file, uri], { reject: false });

describe('the SQL as a file', () => {
  test('does with psql what applying does, and may be run again', async ({ databases: { source }, identity }) => {
    await source.query(`
      CREATE TABLE by_index (a int NOT NULL UNIQUE); CREATE TABLE "by ""new"": :x \n --" ("I d" serial NOT NULL);
      CREATE TABLE by_full (a int); CREATE TABLE log (a int);
      CREATE TABLE parts (a int NOT NULL) PARTITION BY RANGE (a); CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
      INSERT INTO parts VALUES (1)`);
    const fresh = (await identity.rows()).find(({ name }) => name.startsWith('by "new"'));
    if (!fresh) throw new Error('not listed');
    const path = await identity.save([
      await identity.choice('public.by_index', 'index'),
      createIndexChoice(fresh, ['I d']),
      await identity.choice('public.by_full', 'full'),
      await identity.choice('public.log', 'insert-only'),
      createIndexChoice(await identity.row('public.parts'), ['a']),
    ]);
    expect(path).toBe(join(identity.directory, 'replica-identity.sql'));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toMatch(/^-- public\.log: inserts only\. Nothing to run\./m);
    for (let time = 1; time <= 2; time += 1) {
      expect(await psql(source.uri, path)).toMatchObject({ exitCode: 0 });
    }
    expect((await identity.rows()).map(({ relation }) => relation)).toEqual(['public.log']);
    expect(await indexesOf(source)).toHaveLength(3);
  });

  test('stops at what fails, and goes on where that is mended', async ({ databases: { source }, identity }) => {
    await source.query(`CREATE TABLE a (id int NOT NULL); INSERT INTO a VALUES (1), (1); CREATE TABLE b (id int)`);
    const path = await identity.save([
      createIndexChoice(await identity.row('public.a'), ['id']),
      await identity.choice('public.b', 'full'),
    ]);
    const failed = await psql(source.uri, path);
    expect(failed.exitCode).toBe(3);
    expect(failed.stderr).toContain('Key (id)=(1) is duplicated');
    expect(await identitiesOf(source)).toEqual({ 'public.a': 'd', 'public.b': 'd' });
    // What the file says to do then.
    const drop = /^-- (DROP INDEX .*;)$/m.exec(await readFile(path, 'utf8'))?.[1] ?? '';
    await source.query(drop);
    await source.query('DELETE FROM a WHERE ctid = (SELECT max(ctid) FROM a)');
    expect((await psql(source.uri, path)).exitCode).toBe(0);
    expect(await identity.rows()).toEqual([]);
  });

  test('is written anew, never through what stands in its place', async ({ databases: { source }, identity }) => {
    await source.query('CREATE TABLE t (a int)');
    const choice = await identity.choice('public.t', 'full');
    const elsewhere = join(identity.directory, '..', 'elsewhere');
    await writeFile(elsewhere, 'mine');
    await mkdir(identity.directory, { mode: 0o700 });
    await writeFile(join(identity.directory, 'engine.log'), '');
    await symlink(elsewhere, join(identity.directory, 'replica-identity.sql'));
    const path = await identity.save([choice]);
    expect(await readFile(elsewhere, 'utf8')).toBe('mine');
    await chmod(path, 0o644);
    await identity.save([choice]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});
