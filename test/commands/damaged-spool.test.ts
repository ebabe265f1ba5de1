import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { until } from '../support/wait.ts';
import { TABLES, test } from './program.ts';

const CONFIRMED =
  'SELECT FROM pg_replication_slots WHERE database = current_database() AND confirmed_flush_lsn > $1::pg_lsn';

test('a damaged spool: migrate --resume says what is lost, status what to run, and migrate --resync mends it', async ({
  program,
  databases,
}) => {
  const { source, target } = databases;
  await source.query(TABLES);
  const first = program.start(['migrate']);
  await first.says('Cut-over condition met: caught up');
  // What comes now is received and confirmed, and not applied.
  const holder = await target.connect();
  await holder.query('BEGIN; LOCK TABLE customers IN SHARE MODE');
  const [at] = await source.query(`UPDATE customers SET name = 'new'; SELECT pg_current_wal_lsn()::text AS lsn`);
  await until(async () => (await source.query(CONFIRMED, [at?.lsn])).length > 0, { what: 'the confirmation' });
  first.kill('SIGKILL');
  await first.finished;
  await holder.query('COMMIT');
  const spool = join(program.directory, 'spool');
  for (const name of (await readdir(spool)).filter((one) => one.endsWith('.spool'))) {
    const path = join(spool, name);
    const file = await open(path, 'r+');
    await file.write(Buffer.from('?!?'), 0, 3, Math.floor((await stat(path)).size / 2));
    await file.close();
  }

  const lost = /^TM4004 local, .*: the spool has lost changes .*migrate --resync\.\n$/s;
  expect(await program.run(['migrate', '--resume'])).toMatchObject({ code: 1, stderr: expect.stringMatching(lost) });
  const { stdout } = await program.run(['status']);
  expect(stdout).toMatch(/TM4004 the spool has lost changes.*\n.*migrate --resync/);
  expect(stdout).not.toMatch(/migrate --resume|0B free/);
  const mended = await program.run(['migrate', '--resync', '--cutover', 'auto']);
  expect(mended).toMatchObject({ code: 0, stderr: '' });
  expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
});
