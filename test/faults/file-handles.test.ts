import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import type { EngineEvent } from '../../src/engine/events.ts';
import { EngineClient } from '../../src/engine/process/client.ts';
import { foldTroubles, type Trouble } from '../../src/engine/troubles.ts';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabase, test } from '../support/databases.ts';
import { until } from '../support/wait.ts';
import { EngineProcess } from './engine-process.ts';

const run = promisify(execFile);
/** It comes with util-linux; other systems have none. https://man7.org/linux/man-pages/man1/prlimit.1.html */
const mayLimit = await run('prlimit', ['--version']).then(
  () => true,
  () => false,
);

/** What a process has open stays; nothing may be opened beyond. Only the soft limit: whoever owns a process may raise it again. */
const allowFiles = ({ child }: EngineProcess, files: number | string) =>
  run('prlimit', ['--pid', String(child.pid), `--nofile=${files}:`]);

const TABLES = `
CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT g, 0 FROM generate_series(1, 100) g;
CREATE TABLE log (v int); ALTER TABLE log REPLICA IDENTITY FULL;
CREATE TABLE big (id int PRIMARY KEY, v text)`;

const OURS = `application_name LIKE 'tiger-migrate-tui %' AND datname = current_database()`;
const endOurs = (database: TestDatabase) =>
  database.admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS}`);

/** A lock in the way of the engine, until `release`. */
async function hold(database: TestDatabase, lock: string) {
  const client = await database.connect('superuser');
  await client.query(`BEGIN; ${lock}`);
  const waited = () =>
    until(
      async () =>
        (await database.admin(`SELECT FROM pg_stat_activity WHERE ${OURS} AND wait_event_type = 'Lock'`)).length > 0,
      { what: `the engine to wait for ${lock}` },
    );
  return { waited, release: () => client.query('ROLLBACK') };
}

describe.runIf(mayLimit)('the engine out of file handles (needs prlimit)', () => {
  test('EMFILE for connections and files of the spool, in copy, in replay and in the cut-over: told, waited for, the source given back, and gone on with when the limit is raised', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const directory = await mkdtemp(join(tmpdir(), 'tm-files-'));
    const engine = new EngineProcess(['--dir', directory, '--freeze-source'], {
      SOURCE: source.uri,
      TARGET: target.uri,
    });
    const troubles = () => engine.events.reduce<readonly Trouble[]>(foldTroubles, []);
    const isLive = (event: EngineEvent) => event.type === 'gate' && event.id === 'copied' && event.ok;
    let written = 0;
    const write = async () => {
      await source.query('UPDATE t SET v = v + 1; INSERT INTO log VALUES (1)');
      written += 1;
    };
    const arrives = () =>
      until(async () => (await target.query('SELECT FROM log')).length === written && troubles().length === 0, {
        what: 'the rows, and no trouble to be left',
      });
    /** All numbers of files that are free are beyond the limit. */
    const runsOut = async (what: () => Promise<unknown>) => {
      await allowFiles(engine, 3);
      const from = engine.events.length;
      await what();
      const told = await engine.saw((event) => event.type === 'retry' && event.error.code === 'TM1310', from);
      expect(told).toMatchObject({
        policy: 'operator',
        error: { side: 'local', message: expect.stringContaining('EMFILE'), hint: expect.stringContaining('prlimit') },
      });
    };
    const raise = () => allowFiles(engine, 1024);
    const cutOver = async () => {
      const client = await EngineClient.attach(directory);
      await client?.request({ action: 'cutover', confirm: target.name, freezeSource: true, override: 'a test' });
      client?.detach();
    };
    try {
      await engine.saw((event) => event.type === 'snapshot');
      const copying = await hold(target, `SELECT FROM tiger_migrate.relation WHERE name = 't' FOR UPDATE`);
      await copying.waited();
      await runsOut(() => endOurs(target));
      await raise();
      await copying.release();
      await engine.saw(isLive);

      await runsOut(() => Promise.all([endOurs(source), endOurs(target)]).then(write));
      await raise();
      await arrives();
      // A new segment of the spool is a new file.
      await runsOut(async () => {
        await source.query(`INSERT INTO big SELECT g, repeat(md5(g::text), 32) FROM generate_series(1, 80000) g`);
        await write();
      });
      await raise();
      await arrives();

      const drain = await hold(target, 'LOCK TABLE log IN SHARE MODE');
      await write();
      await cutOver();
      await engine.saw((event) => event.type === 'cutover' && event.step === 'drain');
      await runsOut(() => endOurs(target));
      await until(() => write().then(() => true), { what: 'the source to take writes while the limit lasts' });
      await drain.release();
      await raise();
      await arrives();
      const from = engine.events.length;
      await engine.saw(isLive, from);
      await cutOver();
      expect(await engine.exited, engine.stderr).toBe(0);
      expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
    } finally {
      await engine.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    }
  });
});
