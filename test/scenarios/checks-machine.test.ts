import { chmod, mkdir, mkdtemp, readdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, vi } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { prepareWorkDirectory } from '../../src/engine/process/work-directory.ts';
import { machineSize } from '../../src/providers/common/machine.ts';
import { spoolOutcome } from '../../src/providers/common/work-directory.ts';
import { runCheck } from '../../src/providers/index.ts';
import { check, withCheckContext } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { createSparseTable } from '../support/sparse-table.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

describe('this machine', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'machine-'));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  });

  test('the work directory is judged as the engine will', async ({ databases: { source, target } }) => {
    const judge = (path: string) =>
      check('local-work-directory', { source: source.uri, target: target.uri, workDirectory: path });
    const refused = (path: string) =>
      prepareWorkDirectory(path).then(
        () => null,
        (error: unknown) => error,
      );

    // It need not exist, and is not made by the check.
    const own = join(directory, 'work');
    expect(await judge(join(own, 'deeper'))).toMatchObject({
      status: 'pass',
      found: expect.stringContaining('will be created'),
    });
    expect(await readdir(directory)).toEqual([]);

    // Others may look into it: so it is made private, by the engine and not by the check.
    await mkdir(own);
    await chmod(own, 0o755);
    expect(await judge(own)).toMatchObject({
      status: 'pass',
      found: `${own}, will be made private (chmod 700, now 755)`,
    });
    expect((await stat(own)).mode & 0o777).toBe(0o755);
    expect(await readdir(own)).toEqual([]);
    expect(await refused(own)).toBeNull();
    expect((await stat(own)).mode & 0o777).toBe(0o700);
    expect(await judge(own)).toMatchObject({ status: 'pass', found: `${own}, private` });

    // What an earlier run has left does not matter, files of somebody else do.
    await writeFile(join(own, 'engine.log'), '');
    expect(await judge(own)).toMatchObject({ status: 'pass' });
    const home = join(directory, 'home');
    await mkdir(home, { mode: 0o700 });
    await writeFile(join(home, 'thesis.txt'), '');
    expect(await judge(home)).toMatchObject({
      status: 'fail',
      code: 'TM1302',
      found: expect.stringContaining('files that are not ours: thesis.txt'),
    });
    expect(await refused(home)).toMatchObject({ code: 'TM1302' });

    const file = join(directory, 'file');
    await writeFile(file, '');
    for (const path of [file, '/proc/nowhere/at/all']) {
      expect(await judge(path)).toMatchObject({ status: 'fail', code: 'TM1302' });
      expect(await refused(path)).toMatchObject({ code: 'TM1302' });
    }
  });

  test('its disk has room for what changes meanwhile, or not', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri, workDirectory: join(directory, 'not', 'yet') };
    expect(await check('local-spool-space', input)).toMatchObject({
      status: expect.stringMatching(/pass|warn/),
      found: expect.stringMatching(
        / free; about .* of changes come during a copy of about \d+ s, at [\d.]+ \w+\/s of WAL/,
      ),
    });

    // A source so large that a tenth of it is more than this disk has.
    await using large = await startServer({ name: 'large' });
    const { bavail, bsize } = await statfs(directory);
    const gib = Math.ceil((bavail * bsize * 12) / GIB) + 11;
    await createSparseTable(large, 'postgres', gib);
    const result = await check('local-spool-space', { ...input, source: large.uri('postgres') });
    expect(result).toMatchObject({ status: 'warn', fix: expect.stringContaining('a tenth of what is copied') });
    expect(
      await check('local-spool-space', {
        ...input,
        source: large.uri('postgres'),
        options: { skipTableData: ['large'] },
      }),
    ).toMatchObject({ status: (bavail * bsize) / GIB >= 1 ? 'pass' : 'warn' });
  });

  test('its disk, in figures', () => {
    // 240 GiB by four jobs at 25 MiB/s each: 41 min, in which 3.2 GiB are written at 1.33 MiB/s.
    const copy = { bytes: 240 * GIB, seconds: (240 * 1024) / 100 };
    expect(spoolOutcome(25 * GIB, copy, (4 / 3) * MIB)).toEqual({
      status: 'pass',
      found: '25.0 GiB free; about 3.2 GiB of changes come during a copy of about 41 min, at 1.3 MiB/s of WAL',
    });
    expect(spoolOutcome(23 * GIB, copy, (4 / 3) * MIB)).toMatchObject({
      status: 'warn',
      fix: expect.stringContaining('24.0 GiB free or more (a tenth of what is copied'),
    });
    // A busy source writes more than a tenth of its size meanwhile.
    expect(spoolOutcome(25 * GIB, copy, 20 * MIB)).toMatchObject({
      status: 'warn',
      found: expect.stringContaining('about 48.0 GiB of changes come'),
      fix: expect.stringContaining('48.0 GiB free or more (what the source writes meanwhile)'),
    });
    expect(spoolOutcome(0.5 * GIB, { bytes: MIB, seconds: 1 }, MIB).status).toBe('warn');
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

  test('its processors and memory', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect((await check('local-processors', input)).found).toMatch(/^\d+ processors?, [\d.]+ GiB of memory$/);
    const judge = (processors: number, memory: number) =>
      withCheckContext(input, (context) =>
        runCheck(
          machineSize(() => ({ processors, memory })),
          context,
        ),
      );
    expect(await judge(2, GIB)).toMatchObject({ status: 'pass', found: '2 processors, 1.0 GiB of memory' });
    expect(await judge(1, 8 * GIB)).toMatchObject({ status: 'warn', found: '1 processor, 8.0 GiB of memory' });
    expect(await judge(8, 512 * MIB)).toMatchObject({ status: 'warn' });
  });
});
