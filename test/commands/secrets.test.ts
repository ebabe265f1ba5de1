import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { findClientTools } from '../../src/postgres/client-tools.ts';
import { until } from '../support/wait.ts';
import { type Program, TABLES, test } from './program.ts';

/** What `ps` shows of the processes of this test. */
async function commandLines(program: Program): Promise<string[]> {
  const lines = (await program.processes()).map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
  return (await Promise.all(lines)).map((line) => line.replaceAll('\0', ' ').trim());
}

/** A directory with pg_dump and pg_restore that write down how they were called, and what files they could read. */
async function recordingTools(program: Program): Promise<{ directory: string; record: string }> {
  const [tools] = await findClientTools(process.env);
  const directory = join(program.root, 'bin');
  const record = join(program.root, 'calls');
  await mkdir(directory);
  for (const path of [tools?.pgDump ?? '', tools?.pgRestore ?? '']) {
    const name = path.split('/').at(-1) ?? '';
    const script = `#!/bin/sh\n{ echo "${name} $*"; stat -c 'passfile %a' "$PGPASSFILE" 2>/dev/null; } >> ${record}\nexec ${path} "$@"\n`;
    await writeFile(join(directory, name), script, { mode: 0o700 });
  }
  return { directory, record };
}

/** After every test of the commands all output and all files are searched for passwords; here it is command lines. */
test('passwords stand on no command line, not even when ours was given them', async ({ program, databases }) => {
  const { source, target } = databases;
  await source.query(TABLES);
  const { directory, record } = await recordingTools(program);
  const env = { SOURCE: undefined, TARGET: undefined, TIGER_MIGRATE_PG_BIN: directory };
  const given = ['--source', source.uri, '--target', target.uri];
  const taking = program.start(['snapshot', ...given], { env });
  const hidden = async () => (await commandLines(program)).includes('tiger-migrate-tui snapshot');
  await until(hidden, { what: 'the command line to be hidden' });
  await taking.says('Checking source and target');
  const lines = await commandLines(program);
  expect(await taking.finished).toMatchObject({ code: 0 });
  const migrating = program.start(['migrate'], { env });
  await migrating.says('Replaying changes of the source');
  lines.push(...(await commandLines(program)), ...(await readFile(record, 'utf8')).split('\n'));
  expect(lines).toContainEqual(expect.stringMatching(/cli\.js engine$/));
  expect(lines).toContain('tiger-migrate-tui migrate');
  expect(lines).toContainEqual(expect.stringMatching(/^pg_dump .*--no-password/));
  expect(lines).toContain('passfile 600');
  expect(lines.filter((line) => line.includes(source.server.ownerPassword))).toEqual([]);
  migrating.kill('SIGINT');
  expect((await migrating.finished).code).toBe(130);
  expect((await program.run(['clean', ...given])).code).toBe(0);
});
