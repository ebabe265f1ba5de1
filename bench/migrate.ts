import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { type DemoServer, startServer } from '../src/demo/server.ts';
import { measureHypertable } from './hypertable.ts';
import { median, migrate, say, sql } from './measure.ts';

/**
 * Measures on this machine, alternately in one run, since its noise is larger than most differences: the copy of three tables
 * against `pg_dump -j2 | pg_restore -j2`, and the replay of a backlog. Where TIGER_MIGRATE_TEST_TIMESCALEDB names a server with TimescaleDB, a
 * hypertable against a plain table, too. Only the ratios mean something.
 *
 *     npm run bench -- [million rows, default 1] [rounds, default 3]
 */
const millions = Number(process.argv[2] ?? 1);
const rounds = Number(process.argv[3] ?? 3);
const SETTINGS = { shared_buffers: '512MB', max_wal_size: '8GB', maintenance_work_mem: '256MB', fsync: 'off' };
const OPTIONS = { tableJobs: 2, indexJobs: 2, splitTablesLargerThan: 64 * 1024 ** 2 };
const run = promisify(execFile);
const TABLES = (rows: number) => `
CREATE TABLE account (id bigint PRIMARY KEY, name text NOT NULL, email text NOT NULL, balance numeric(12,2) NOT NULL, at timestamptz NOT NULL);
CREATE TABLE entry (id bigint PRIMARY KEY, account bigint NOT NULL, amount numeric(12,2) NOT NULL, kind smallint NOT NULL, at timestamptz NOT NULL);
CREATE TABLE reading (sensor int NOT NULL, at timestamptz NOT NULL, value double precision NOT NULL, PRIMARY KEY (sensor, at));
INSERT INTO account SELECT i, 'name ' || i, md5(i::text) || '@example.com', i % 1000, '2026-01-01'::timestamptz + i * interval '1 second' FROM generate_series(1, ${rows / 5}) i;
INSERT INTO entry SELECT i, 1 + i % ${rows / 5}, (i % 10000) / 100.0, i % 7, '2026-01-01'::timestamptz + i * interval '1 second' FROM generate_series(1, ${(rows * 2) / 5}) i;
INSERT INTO reading SELECT i % 1000, '2026-01-01'::timestamptz + (i / 1000) * interval '1 second', random() FROM generate_series(1, ${(rows * 2) / 5}) i;
CREATE INDEX ON entry (account); CREATE INDEX ON entry (at);
VACUUM ANALYZE;`;

async function fresh(target: DemoServer): Promise<void> {
  await sql(target.uri('postgres'), 'DROP DATABASE IF EXISTS t WITH (FORCE);\nCREATE DATABASE t');
}

async function dumpAndRestore(source: DemoServer, target: DemoServer): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'tm-bench-'));
  const started = performance.now();
  await run('pg_dump', ['-Fd', '-j2', '-Z0', '-f', join(directory, 'dump'), '-d', source.uri('s')]);
  await run('pg_restore', ['-j2', '-d', target.uri('t'), join(directory, 'dump')]);
  const ms = performance.now() - started;
  await rm(directory, { recursive: true, force: true });
  return ms;
}

await using source = await startServer({ name: 'bench-source', settings: SETTINGS });
await using target = await startServer({ name: 'bench-target', settings: SETTINGS });
await sql(source.uri('postgres'), 'CREATE DATABASE s');
await sql(source.uri('s'), TABLES(millions * 1_000_000));
const [ours, theirs]: [number[], number[]] = [[], []];
for (let round = 0; round < rounds; round += 1) {
  await fresh(target);
  theirs.push(await dumpAndRestore(source, target));
  await fresh(target);
  ours.push((await migrate(source.uri('s'), target.uri('t'), OPTIONS, null)).copyMs);
}
say(
  `copy: ${median(ours).toFixed(0)} ms, pg_dump | pg_restore: ${median(theirs).toFixed(0)} ms, ratio ${(median(ours) / median(theirs)).toFixed(2)} (medians of ${rounds})`,
);

const backlog = async () => {
  // Transactions of twelve changes, as an application writes them.
  const client = new pg.Client({ connectionString: source.uri('s') });
  await client.connect();
  const transactions = Math.round(millions * 20_000);
  await client.query(`DO $$ BEGIN FOR i IN 1..${transactions} LOOP
    INSERT INTO entry SELECT 1000000000 + (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 10 + g, 1 + i, 1.5, 1, now() FROM generate_series(1, 8) g;
    UPDATE account SET balance = balance + 1 WHERE id IN (1 + i, 2 + i, 3 + i); DELETE FROM entry WHERE id = i; COMMIT; END LOOP; END $$`);
  await client.end();
};
await fresh(target);
const replayed = await migrate(source.uri('s'), target.uri('t'), OPTIONS, backlog);
say(
  `replay: ${replayed.changes} changes in ${replayed.replayMs.toFixed(0)} ms, ${Math.round((replayed.changes / replayed.replayMs) * 1000)} changes/s`,
);

const withTimescale = process.env.TIGER_MIGRATE_TEST_TIMESCALEDB;
if (withTimescale) await measureHypertable(withTimescale, millions * 1_000_000, rounds);
else say('hypertable: skipped, TIGER_MIGRATE_TEST_TIMESCALEDB names no server with TimescaleDB');
