import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type ClientTools,
  chooseClientTools,
  findClientTools,
  versionFromNumber,
  versionFromOutput,
} from '../../src/postgres/client-tools.ts';

const tools = (major: number, minor: number): ClientTools => ({
  pgDump: `/${major}.${minor}/pg_dump`,
  pgRestore: `/${major}.${minor}/pg_restore`,
  version: { major, minor },
});

test('versions are read from the server and from the tool', () => {
  expect(versionFromNumber(150018)).toEqual({ major: 15, minor: 18 });
  expect(versionFromOutput('pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)')).toEqual({ major: 15, minor: 18 });
  expect(versionFromOutput('pg_dump (PostgreSQL) 19beta1')).toEqual({ major: 19, minor: 0 });
  expect(versionFromOutput('something else')).toBeNull();
});

describe('choosing', () => {
  test.each([
    [[tools(18, 3), tools(15, 20), tools(15, 18)], 150020, '15.20', false],
    [[tools(18, 3), tools(15, 18)], 150020, '15.18', true],
    [[tools(18, 3), tools(17, 1), tools(14, 1)], 150020, '17.1', false],
    [[tools(15, 18)], 150020, '15.18', true],
  ])('case %#', (found, server, expected, warned) => {
    const { tools: chosen, warning } = chooseClientTools(found, server);
    expect(chosen.pgDump).toBe(`/${expected}/pg_dump`);
    expect(warning !== null).toBe(warned);
  });

  test.each([
    [[], 'not installed'],
    [[tools(14, 9)], 'older than the source'],
  ])('nothing suitable names the packages', (found, text) => {
    expect(() => chooseClientTools(found, 150020)).toThrow(
      expect.objectContaining({
        code: 'TM1211',
        message: expect.stringContaining(text),
        hint: expect.stringMatching(/postgresql-client-15.*postgresql15.*postgresql@15.*TIGER_MIGRATE_PG_BIN/s),
      }),
    );
  });
});

describe('finding', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'client-tools-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function install(name: string, version: string): Promise<string> {
    const path = join(directory, name);
    await mkdir(path);
    for (const tool of ['pg_dump', 'pg_restore']) {
      await writeFile(join(path, tool), `#!/bin/sh\necho '${tool} (PostgreSQL) ${version}'\n`);
      await chmod(join(path, tool), 0o755);
    }
    return path;
  }

  test('TIGER_MIGRATE_PG_BIN is the only place when set', async () => {
    const path = await install('bin', '42.1');
    const found = await findClientTools({ TIGER_MIGRATE_PG_BIN: path, PATH: process.env.PATH });
    expect(found).toEqual([
      { pgDump: join(path, 'pg_dump'), pgRestore: join(path, 'pg_restore'), version: { major: 42, minor: 1 } },
    ]);
  });

  test('PATH is searched, the newest comes first', async () => {
    const [a, b] = [await install('a', '41.9'), await install('b', '42.1')];
    const found = await findClientTools({ PATH: `${a}:/nowhere:${b}` });
    expect(found.slice(0, 2).map(({ version }) => version.major)).toEqual([42, 41]);
  });

  test('a lone pg_dump is not enough', async () => {
    const path = await install('bin', '42.1');
    await rm(join(path, 'pg_restore'));
    expect(await findClientTools({ TIGER_MIGRATE_PG_BIN: path })).toEqual([]);
  });
});
