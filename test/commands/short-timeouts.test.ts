import pg from 'pg';
import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { compareRows } from '../support/compare/rows.ts';
import { SESSION_SETTINGS } from '../support/compare/session.ts';
import type { TestDatabase } from '../support/databases.ts';
import { isInstalled, nativeOf } from '../support/other-versions.ts';
import { TARGET_OWNER, withClient } from '../support/test-servers.ts';
import { until } from '../support/wait.ts';
import { type Program, test } from './program.ts';

const TIMEOUT_MS = 300;
const TIMEOUTS = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout'];
/** Twice a timeout: what lasts for so long would have been ended. */
const LONG = `interval '${2 * TIMEOUT_MS} ms'`;

/** An index, a stored column and a materialized view that take longer to make than the timeouts allow. */
const SLOW = `
  CREATE FUNCTION slow(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_catalog.pg_sleep(0.01); RETURN n; END $$;
  CREATE TABLE parent (id int PRIMARY KEY, v int);
  CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent, s int GENERATED ALWAYS AS (public.slow(id)) STORED);
  INSERT INTO parent SELECT g, g FROM generate_series(1, 50) g; INSERT INTO child SELECT g, g FROM generate_series(1, 50) g;
  CREATE INDEX slowly ON child (public.slow(parent));
  CREATE MATERIALIZED VIEW slowest AS SELECT pg_sleep(0.5)::text AS v`;

const OURS = `application_name LIKE 'tiger-migrate-tui %' AND datname = current_database() AND now() - state_change > ${LONG}`;

/** Waits for a session of ours that has been in this state for longer than any timeout allows. */
const lasts = (watch: pg.Client, state: string) =>
  until(async () => (await watch.query(`SELECT FROM pg_stat_activity WHERE ${OURS} AND ${state}`)).rows.length > 0, {
    what: `a session of ours that is ${state}`,
  });
const WAITS_FOR_LOCK = `wait_event_type = 'Lock'`;

interface Target {
  readonly name: string;
  readonly uri: string;
  readonly superuserUri: string;
  readonly timeouts: readonly string[];
}

async function migrateUnderTimeouts(program: Program, source: TestDatabase, target: Target): Promise<void> {
  await source.query(SLOW);
  // Sessions that began before know nothing of the timeouts: the application and those who watch.
  const sessions: pg.Client[] = [];
  const open = async (uri: string) => {
    const client = new pg.Client({ connectionString: uri });
    client.on('error', () => undefined);
    await client.connect();
    sessions.push(client);
    return client;
  };
  try {
    const [application, sourceHolder] = [await open(source.uri), await open(source.uri)];
    const targetHolder = await open(target.superuserUri);
    const [sourceWatch, targetWatch] = [await open(source.superuserUri), await open(target.superuserUri)];
    for (const name of TIMEOUTS) await sourceWatch.query(`ALTER DATABASE ${source.name} SET ${name} = ${TIMEOUT_MS}`);
    for (const name of target.timeouts)
      await targetWatch.query(`ALTER DATABASE ${target.name} SET ${name} = ${TIMEOUT_MS}`);

    let [writing, written] = [true, 1000];
    const writes = (async () => {
      for (; writing; written += 1) {
        await application.query(
          `INSERT INTO parent VALUES (${written}, 0); UPDATE parent SET v = 1 WHERE id = ${written - 5}`,
        );
        await application.query('SELECT pg_sleep(0.02)');
      }
    })();
    const run = (...args: string[]) => program.run(args, { env: { TARGET: target.uri } });

    expect(await run('snapshot', '--json')).toMatchObject({ code: 0, stderr: '' });
    await lasts(sourceWatch, `state = 'idle in transaction'`);

    // The copy waits for a table of the source, then replay for one of the target.
    await sourceHolder.query('BEGIN; LOCK TABLE parent');
    const migrating = program.start(['migrate', '--json'], { env: { TARGET: target.uri } });
    await lasts(sourceWatch, WAITS_FOR_LOCK);
    await sourceHolder.query('COMMIT');
    await migrating.says('"phase":"replay"');
    await targetHolder.query('BEGIN; LOCK TABLE parent');
    await lasts(targetWatch, `${WAITS_FOR_LOCK} AND application_name LIKE '% apply'`);
    await targetHolder.query('COMMIT');
    await lasts(sourceWatch, `state = 'idle'`);
    await lasts(targetWatch, `state = 'idle'`);

    writing = false;
    await writes;
    await run('cutover', '--confirm', target.name, '--override', 'the application has ended');
    const migrated = await migrating.finished;
    expect(migrated, migrated.stdout).toMatchObject({ code: 0, stderr: '' });
    expect(migrated.events.filter(({ type }) => type === 'retry' || type === 'error')).toEqual([]);
    const verified = await run('verify', '--json');
    expect(verified.events.at(-1)).toMatchObject({ type: 'result', equal: true, tables: 2 });
    expect(await run('clean', '--prune')).toMatchObject({ code: 0, stderr: '' });

    for (const side of [sourceWatch, targetWatch]) await side.query(SESSION_SETTINGS);
    expect(await compareRows(sourceWatch, targetWatch)).toEqual([]);
  } finally {
    await Promise.all(sessions.map((client) => client.end()));
  }
}

describe('statement_timeout, lock_timeout and idle timeouts of 300 ms on both servers', () => {
  // The other one holds for all of them; a migration each would take its time.
  test.skipIf(isInstalled(17))(
    'end nothing of ours: checks, a held snapshot, copy, indexes, replay, cut-over, verify, clean',
    async ({ program, databases: { source, target } }) => {
      const { name, uri, superuserUri } = target;
      await migrateUnderTimeouts(program, source, { name, uri, superuserUri, timeouts: TIMEOUTS });
    },
  );

  test.skipIf(!isInstalled(17))('nor does transaction_timeout, into PostgreSQL 17', async ({ program, databases }) => {
    await using server = await startServer({ name: 'transaction-timeout', native: nativeOf(17) });
    await withClient(server.uri('postgres'), async (client) => {
      await client.query(`CREATE ROLE ${TARGET_OWNER} LOGIN CREATEROLE PASSWORD 'app'`);
      await client.query(`CREATE DATABASE seventeen OWNER ${TARGET_OWNER}`);
    });
    await migrateUnderTimeouts(program, databases.source, {
      name: 'seventeen',
      uri: server.uri('seventeen', TARGET_OWNER, 'app'),
      superuserUri: server.uri('seventeen'),
      timeouts: [...TIMEOUTS, 'transaction_timeout'],
    });
  });
});
