import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { findPassword, lookUpPassword, temporaryPassfile } from '../../src/postgres/passfile.ts';

const wanted = { host: 'h', port: 5432, database: 'd', user: 'u' };

describe('a passfile line', () => {
  test.each([
    ['h:5432:d:u:secret', 'secret'],
    ['*:*:*:*:secret', 'secret'],
    ['x:*:*:*:no\nh:*:*:u:yes\n*:*:*:*:late', 'yes'],
    ['# h:5432:d:u:comment\nh:5432:d:u:secret', 'secret'],
    [String.raw`h:5432:d:u:a\:b\\c`, String.raw`a:b\c`],
    ['h:5432:d:u:a:b', 'a:b'],
    ['h:5432:d:u:', null],
    ['h:5433:d:u:secret', null],
    ['h:5432:d:u', null],
    ['h:5432:d:u:secret\r\n', 'secret'],
    ['', null],
  ])('%j', (text, expected) => expect(findPassword(text, wanted)).toBe(expected));

  test('names escaped colons and socket directories', () => {
    expect(findPassword(String.raw`h:5432:d\:e:u:x`, { ...wanted, database: 'd:e' })).toBe('x');
    expect(findPassword('localhost:5432:d:u:x', { ...wanted, host: '/var/run/postgresql' })).toBe('x');
  });
});

describe('files', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'passfile-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  test('that others can read are not used', async () => {
    const path = join(directory, 'pgpass');
    const settings = parseConnectionString('postgres://u@h/d', { PGPASSFILE: path });
    expect(await lookUpPassword(settings)).toBeNull();
    await writeFile(path, '*:*:*:*:secret', { mode: 0o600 });
    expect(await lookUpPassword(settings)).toBe('secret');
    await rm(path);
    await writeFile(path, '*:*:*:*:secret', { mode: 0o644 });
    expect(await lookUpPassword(settings)).toBeNull();
  });

  test('made for a child are private, hold the password as it is, and go away', async () => {
    const password = String.raw`a:b\c'"$ü`;
    {
      await using passfile = await temporaryPassfile(directory, password);
      expect((await stat(passfile.path)).mode & 0o777).toBe(0o600);
      expect(findPassword(await readFile(passfile.path, 'utf8'), wanted)).toBe(password);
    }
    expect(await readdir(directory)).toEqual([]);
  });

  test('cannot hold a line break', async () => {
    await expect(temporaryPassfile(directory, 'a\nb')).rejects.toMatchObject({ code: 'TM1004' });
    expect(await readdir(directory)).toEqual([]);
  });
});
