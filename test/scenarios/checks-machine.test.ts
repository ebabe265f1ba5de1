import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, vi } from 'vitest';
import { check } from '../support/check-context.ts';
import { test } from '../support/databases.ts';

describe('this machine', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'machine-'));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  });

  test('the work directory is private and writable', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    const own = join(directory, 'work');
    // It need not exist, and is not made by the check.
    expect(await check('local-work-directory', { ...input, workDirectory: join(own, 'deeper') })).toMatchObject({
      status: 'pass',
    });
    expect(await readdir(directory)).toEqual([]);
    await mkdir(own, { mode: 0o700 });
    expect(await check('local-work-directory', { ...input, workDirectory: own })).toMatchObject({ status: 'pass' });
    expect(await readdir(own)).toEqual([]);
    await chmod(own, 0o755);
    expect(await check('local-work-directory', { ...input, workDirectory: own })).toMatchObject({
      status: 'fail',
      code: 'TM1302',
      fix: `chmod 700 '${own}'`,
    });
    const file = join(directory, 'file');
    await writeFile(file, '');
    expect(await check('local-work-directory', { ...input, workDirectory: file })).toMatchObject({
      status: 'fail',
      code: 'TM1302',
    });
    expect(await check('local-work-directory', { ...input, workDirectory: '/proc/nowhere/at/all' })).toMatchObject({
      status: 'fail',
      code: 'TM1302',
    });
  });

  test('pg_dump and pg_restore are there, missing or too old', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('local-client-tools', input)).toMatchObject({ status: expect.stringMatching(/pass|warn/) });
    vi.stubEnv('TIGER_MIGRATE_PG_BIN', directory);
    expect(await check('local-client-tools', input)).toMatchObject({ status: 'fail', code: 'TM1211', side: 'local' });
    for (const tool of ['pg_dump', 'pg_restore']) {
      await writeFile(join(directory, tool), `#!/bin/sh\necho '${tool} (PostgreSQL) 9.6.24'\n`, { mode: 0o755 });
    }
    const old = await check('local-client-tools', input);
    expect(old).toMatchObject({ status: 'fail', code: 'TM1211' });
    expect(old.fix).toMatch(/apt-get install postgresql-client-\d+/);
  });

  test('its processors are told', async ({ databases: { source, target } }) => {
    expect((await check('local-processors', { source: source.uri, target: target.uri })).found).toMatch(/^\d+$/);
  });
});
