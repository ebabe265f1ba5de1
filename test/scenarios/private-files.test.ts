import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { writeReport } from '../../src/commands/check-report.ts';
import { test } from '../support/databases.ts';
import { Migration } from './whole/migration.ts';

/** Everything below a directory that others may do something with, as `path mode`. */
async function openToOthers(directory: string): Promise<string[]> {
  const names = ['', ...(await readdir(directory, { recursive: true }))];
  const modes = await Promise.all(
    names.map(async (name) => {
      // It may be one that is replaced just now.
      const entry = await stat(join(directory, name)).catch(() => null);
      return entry && (entry.mode & 0o077) !== 0 ? [`${name} ${(entry.mode & 0o777).toString(8)}`] : [];
    }),
  );
  return modes.flat();
}

describe.each([0o000, 0o022])('with the umask %i', (mask) => {
  let directory = '';
  let before = 0;
  beforeEach(async () => {
    before = process.umask(mask);
    directory = join(await mkdtemp(join(tmpdir(), 'private-')), 'work');
  });
  afterEach(async () => {
    process.umask(before);
    await rm(join(directory, '..'), { recursive: true, force: true });
  });

  test('all files of a migration are private', async ({ databases: { source, target } }) => {
    await source.query('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10)');
    await using migration = await Migration.start({
      source: source.uri,
      target: target.uri,
      targetDatabase: target.name,
      options: { skipRoles: true },
      directory,
    });
    await migration.reached('replay');
    await source.query('INSERT INTO t VALUES (11)');
    expect(await openToOthers(directory)).toEqual([]);
    await writeReport(join(directory, 'check-report.md'), 'all well');
    await migration.cutOver();
    const names = await readdir(directory);
    for (const name of ['schema.dump', 'engine.log', 'migration.json', 'progress.json']) expect(names).toContain(name);
    expect(await openToOthers(directory)).toEqual([]);
  });
});
