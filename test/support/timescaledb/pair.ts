import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { quoteIdent, quoteLiteral } from '../../../src/postgres/identifiers.ts';
import { withClient } from '../test-servers.ts';
import { offered, realServer } from './play.ts';

const PASSWORD = 'not a secret';

/** A database on the real server, and the ordinary role that owns it. */
export interface RealDatabase {
  readonly name: string;
  /** As its owner. */
  readonly uri: string;
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(sql: string): Promise<R[]>;
  /** The same as the superuser. */
  admin<R extends pg.QueryResultRow = pg.QueryResultRow>(sql: string): Promise<R[]>;
}

/** A source and a target with TimescaleDB itself: nothing happens by itself in either of them. */
export interface RealPair extends AsyncDisposable {
  readonly source: RealDatabase;
  readonly target: RealDatabase;
}

const at = (database: string, user?: string): string =>
  Object.assign(
    new URL(realServer),
    { pathname: `/${database}` },
    user === undefined ? {} : { username: user, password: PASSWORD },
  ).href;

const run = <R extends pg.QueryResultRow>(uri: string, sql: string): Promise<R[]> =>
  withClient(uri, async (client) => {
    const results = (await client.query<R>(sql)) as pg.QueryResult<R> | pg.QueryResult<R>[];
    return (Array.isArray(results) ? results.at(-1) : results)?.rows ?? [];
  });

async function createDatabase(name: string, owner: string, version: string, attributes: string): Promise<RealDatabase> {
  const maintain = (sql: string) => run(at('postgres'), sql);
  await maintain(
    `DO $$ BEGIN CREATE ROLE ${owner} LOGIN PASSWORD ${quoteLiteral(PASSWORD)} ${attributes};
     EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
  );
  await maintain(`CREATE DATABASE ${quoteIdent(name)} OWNER ${owner}`);
  const database: RealDatabase = {
    name,
    uri: at(name, owner),
    query: (sql) => run(at(name, owner), sql),
    admin: (sql) => run(at(name), sql),
  };
  await database.admin(`CREATE EXTENSION timescaledb VERSION '${version}'`);
  await database.admin('SELECT _timescaledb_functions.stop_background_workers()');
  await database.admin('GRANT ALL ON SCHEMA public TO PUBLIC');
  return database;
}

/** Creates both: the source of `version`, owned by a role that replicates, the target of the newest, owned by one that is no superuser. */
export async function createPair(version: string): Promise<RealPair> {
  const name = `t_${randomBytes(5).toString('hex')}`;
  const source = await createDatabase(`${name}_source`, 'migrator', version, '');
  await run(at('postgres'), 'ALTER ROLE migrator REPLICATION');
  const target = await createDatabase(`${name}_target`, 'tsdbadmin', offered.at(-1) ?? version, 'CREATEROLE');
  await run(at('postgres'), 'GRANT SET ON PARAMETER session_replication_role TO tsdbadmin');
  return {
    source,
    target,
    [Symbol.asyncDispose]: async () => {
      for (const database of [source, target]) {
        // A test that failed has left its slot.
        await run(
          at('postgres'),
          `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '${database.name}' AND active`,
        );
        for (let left = 100; left > 0; left -= 1) {
          const gone = await run(
            at('postgres'),
            `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '${database.name}' AND NOT active`,
          ).then(
            () => run(at('postgres'), `SELECT FROM pg_replication_slots WHERE database = '${database.name}'`),
            () => [{}],
          );
          if (gone.length === 0) break;
        }
        await run(at('postgres'), `DROP DATABASE ${quoteIdent(database.name)} WITH (FORCE)`);
      }
    },
  };
}
