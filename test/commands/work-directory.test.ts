import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { lockHolder, lockWorkDirectory } from '../../src/engine/process/lock.ts';
import { compareDatabases } from '../support/compare.ts';
import { until } from '../support/wait.ts';
import { remains, TABLES, test } from './program.ts';

const run = promisify(execFile);

describe.concurrent('the lock of a work directory', () => {
  test('is kept by one process, and not by one that is gone or only has its number', async ({ program }) => {
    const { root } = program;
    const lock = await lockWorkDirectory(root);
    expect(await lockHolder(root)).toBe(process.pid);
    await expect(lockWorkDirectory(root)).rejects.toMatchObject({ code: 'TM1301', side: 'local', object: root });
    await lock[Symbol.asyncDispose]();
    expect(await lockHolder(root)).toBeNull();
    // In a container every engine has the same small process id.
    await writeFile(join(root, 'engine.lock'), `${process.pid} 12345`);
    expect(await lockHolder(root)).toBeNull();
    // Killed before it could write its name.
    await writeFile(join(root, 'engine.lock'), '');
    const again = await lockWorkDirectory(root);
    await again[Symbol.asyncDispose]();
    expect(await readdir(root)).toEqual([]);
  });

  test('lets one of two through that start together', async ({ program, databases }) => {
    await databases.source.query(TABLES);
    const both = await Promise.all([program.run(['snapshot']), program.run(['snapshot'])]);
    expect(both.map(({ code }) => code).sort()).toEqual([0, 3]);
    expect(both.find(({ code }) => code === 3)?.stderr).toMatch(/^TM1301 /);
    expect((await program.run(['clean'])).code).toBe(0);
    expect(await remains(databases)).toEqual([]);
  });
});

describe.concurrent('a work directory', () => {
  test('may have a long name, and is private', async ({ program, databases }) => {
    const directory = join(program.root, 'x'.repeat(120), 'y'.repeat(120));
    const dir = ['--dir', directory];
    const taken = await program.run(['snapshot', ...dir]);
    expect(taken, taken.stderr).toMatchObject({ code: 0 });
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await program.run(['status', ...dir])).stdout).toContain('engine running');
    expect((await program.run(['clean', '--prune', ...dir])).code).toBe(0);
    await expect(stat(directory)).rejects.toThrow(/ENOENT/);
    expect(await remains(databases)).toEqual([]);
  });

  test('is not any directory with a folder called like ours', async ({ program }) => {
    const directory = join(program.root, 'project');
    await mkdir(join(directory, 'spool'), { recursive: true });
    await writeFile(join(directory, 'spool', 'theirs'), 'precious');
    await writeFile(join(directory, 'notes'), 'theirs');
    const dir = ['--dir', directory];
    expect(await program.run(['snapshot', ...dir])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^TM1302 .*holds files that are not ours/),
    });
    expect((await program.run(['clean', '--prune', ...dir])).stdout).toContain('nothing is removed there');
    expect(await readFile(join(directory, 'spool', 'theirs'), 'utf8')).toBe('precious');
  });

  test('of one migration is not given to another', async ({ program, databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const first = program.start(['migrate']);
    await first.says('Replaying changes of the source');
    first.kill('SIGTERM');
    expect((await first.finished).code).toBe(130);
    // The other way round: its spool would be thrown away.
    const env = {
      SOURCE: target.uri.replace(target.name, 'postgres'),
      TARGET: source.uri.replace(source.name, 'postgres'),
    };
    const other = await program.run(['migrate', '--drop-if-exists'], { env });
    expect(other).toMatchObject({ code: 3, stderr: expect.stringMatching(/^TM1304 local, .*unfinished migration/) });
    const clean = await program.run(['clean', '--prune'], { env });
    expect(clean).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^TM1307 local, .*belongs to the migration of/),
    });
    const resumed = await program.run(['migrate', '--resume', '--cutover', 'auto']);
    expect(resumed, resumed.stderr).toMatchObject({ code: 0 });
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('loses passfiles that a killed engine has left', async ({ program }) => {
    await mkdir(join(program.directory, 'pass-AbCdEf'), { recursive: true, mode: 0o700 });
    await writeFile(join(program.directory, 'pass-AbCdEf', 'pgpass'), '*:*:*:*:old', { mode: 0o600 });
    const failed = await program.run(['migrate'], { env: { SOURCE: 'host=127.0.0.1 port=1' } });
    expect(failed.stderr).toMatch(/^TM1102 source/);
    expect(await readdir(program.directory)).not.toContain('pass-AbCdEf');
  });
});

const mayMount = await run('unshare', ['--mount', 'true']).then(
  () => process.getuid?.() === 0,
  () => false,
);

describe.runIf(mayMount)('a full disk (needs root, and a system that lets it mount one)', () => {
  test('keeps a migration from beginning, and only makes wait one that has begun', async ({ program, databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await mkdir(program.directory, { mode: 0o700 });
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', program.directory]);
    try {
      await writeFile(join(program.directory, 'wizard.json'), Buffer.alloc(64 * 1024));
      const none = await program.run(['migrate', '--json']);
      expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/^TM4003 local, .*work: no space is left/) });
      expect(none.events).toMatchObject([
        { type: 'error', error: { code: 'TM4003', side: 'local', object: program.directory } },
      ]);
      await writeFile(join(program.directory, 'wizard.json'), Buffer.alloc(48 * 1024));
      const little = await program.run(['migrate', '--json']);
      expect(little).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^TM4003 local.*(no space is left|ENOSPC)/),
      });
      expect(await remains(databases)).toEqual([]);
      expect(await readdir(program.directory)).not.toContain('engine.lock');

      await run('mount', ['-o', 'remount,size=4m', program.directory]);
      await writeFile(join(program.directory, 'wizard.json'), Buffer.alloc(3900 * 1024));
      const migrating = program.start(['migrate', '--cutover', 'auto']);
      await migrating.says('TM4003 local');
      await migrating.says('Replaying changes of the source');
      await source.query(`INSERT INTO customers SELECT i, 'late' FROM generate_series(1000, 1999) i`);
      await run('mount', ['-o', 'remount,size=1g', program.directory]);
      expect(await migrating.finished).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Works again: receiving'),
      });
      expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
    } finally {
      for (const pid of await program.processes()) process.kill(pid, 'SIGKILL');
      await until(async () => (await program.processes()).length === 0);
      await run('umount', [program.directory]);
    }
  });
});
