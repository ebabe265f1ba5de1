import type pg from 'pg';
import { quoteIdent, quoteLiteral } from '../../src/postgres/identifiers.ts';
import { withClient } from './test-servers.ts';
import { until } from './wait.ts';

/** Something that a test, or the product under test, has left on a server. */
export interface Leak {
  readonly kind: 'slot' | 'session' | 'prepared transaction' | 'role';
  readonly what: string;
}

interface Session {
  readonly pid: number;
  readonly application_name: string;
  readonly state: string | null;
  readonly query: string;
}

/** A closed connection's backend takes a moment to go. */
const GOODBYE_MS = 3_000;

export interface Scope {
  readonly database: string;
  /** The superuser's URI of that database. */
  readonly uri: string;
  /** What the names of this test's roles begin with. */
  readonly test: string;
  /** The roles that the test has announced. */
  readonly roles: ReadonlySet<string>;
}

/** Finds and removes what was left behind in one database, so that it can be dropped and the next test is not disturbed. */
export async function findLeaks(
  client: pg.Client,
  { database, uri, test, roles: expectedRoles }: Scope,
): Promise<Leak[]> {
  const leaks: Leak[] = [];
  // A cut-over may have made the database read-only.
  const inside = (sql: string) =>
    withClient(uri, async (session) => {
      await session.query('SET default_transaction_read_only = off');
      await session.query(sql);
    });

  const sessions = () =>
    client
      .query<Session>(
        `SELECT pid, application_name, state, query FROM pg_stat_activity
         WHERE datname = $1 AND backend_type IN ('client backend', 'walsender')`,
        [database],
      )
      .then(({ rows }) => rows);
  await until(async () => (await sessions()).length === 0, { timeoutMs: GOODBYE_MS }).catch(() => undefined);
  for (const session of await sessions()) {
    const { pid, application_name: application, state, query } = session;
    leaks.push({ kind: 'session', what: `${database}: ${application || pid} ${state ?? ''} ${query.slice(0, 200)}` });
    await client.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
  }

  const slots = await client.query<{ slot_name: string; active_pid: number | null }>(
    'SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = $1',
    [database],
  );
  for (const { slot_name: slot } of slots.rows) {
    leaks.push({ kind: 'slot', what: `${database}: ${slot}` });
    // A temporary slot may have gone with its session by now.
    await client.query(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NULL',
      [slot],
    );
  }

  const prepared = await client.query<{ gid: string }>('SELECT gid FROM pg_prepared_xacts WHERE database = $1', [
    database,
  ]);
  for (const { gid } of prepared.rows) {
    leaks.push({ kind: 'prepared transaction', what: `${database}: ${gid}` });
    await inside(`ROLLBACK PREPARED ${quoteLiteral(gid)}`);
  }

  const roles = await client.query<{ rolname: string }>(
    'SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1) AND rolname <> ALL ($2)',
    [test, [...expectedRoles]],
  );
  for (const { rolname: role } of roles.rows) {
    leaks.push({ kind: 'role', what: role });
    await inside(`DROP OWNED BY ${quoteIdent(role)}`);
    await client.query(`DROP ROLE ${quoteIdent(role)}`);
  }
  return leaks;
}
