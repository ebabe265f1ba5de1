import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { type DemoServer, startServer } from '../../../src/demo/server.ts';
import { quoteIdent, quoteLiteral } from '../../../src/postgres/identifiers.ts';
import { withClient } from '../test-servers.ts';
import { PLAIN_SAMPLE, SAMPLE } from './sample.ts';

/** The sample; the extension with nothing in it; nothing at all. */
type Contents = 'sample' | 'empty' | 'bare';

/** A server on which the same scenarios can be played: with TimescaleDB, or with the rows that it was seen to show. */
export interface Stage {
  readonly version: string;
  readonly real: boolean;
  create(kind: Contents): Promise<StageDatabase>;
  stop(): Promise<void>;
}

export interface StageDatabase extends AsyncDisposable {
  readonly name: string;
  /** The ordinary role `migrator`, owner of the database. */
  readonly uri: string;
  readonly superuserUri: string;
  /** Runs SQL as the superuser, several statements if need be; the rows of the last. */
  admin<R extends pg.QueryResultRow = pg.QueryResultRow>(sql: string): Promise<R[]>;
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(sql: string): Promise<R[]>;
}

interface Recorded {
  readonly relations: Readonly<Record<string, { columns: Record<string, string>; rows: Record<string, unknown>[] }>>;
  readonly settings: Readonly<Record<string, string>>;
}

const PASSWORD = 'not a secret';
const SCHEMAS = ['timescaledb_information', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_internal'];
/** Types of columns that name what a server of ours does not have: functions of the extension, another superuser. */
const NOT_HERE = /^reg(procedure|proc|role)$/;

abstract class StageOn implements Stage {
  abstract readonly version: string;
  abstract readonly real: boolean;
  protected abstract uri(database: string): string;
  protected abstract fill(database: StageDatabase, kind: Contents): Promise<void>;
  abstract stop(): Promise<void>;

  async create(kind: Contents): Promise<StageDatabase> {
    const name = `t_${randomBytes(5).toString('hex')}`;
    const superuserUri = this.uri(name);
    const run = <R extends pg.QueryResultRow>(uri: string, sql: string): Promise<R[]> =>
      withClient(uri, async (client) => {
        const results = (await client.query<R>(sql)) as pg.QueryResult<R> | pg.QueryResult<R>[];
        return (Array.isArray(results) ? results.at(-1) : results)?.rows ?? [];
      });
    const uri = Object.assign(new URL(superuserUri), { username: 'migrator', password: PASSWORD }).href;
    const maintain = (sql: string) => run(this.uri('postgres'), sql);
    await createRoles(maintain);
    await maintain(`CREATE DATABASE ${quoteIdent(name)} OWNER migrator`);
    const database: StageDatabase = {
      name,
      uri,
      superuserUri,
      admin: (sql) => run(superuserUri, sql),
      query: (sql) => run(uri, sql),
      [Symbol.asyncDispose]: async () => {
        await maintain(`DROP DATABASE ${quoteIdent(name)} WITH (FORCE)`);
      },
    };
    if (kind !== 'bare') await this.fill(database, kind);
    return database;
  }
}

/** Roles belong to the server, which several tests share. */
async function createRoles(maintain: (sql: string) => Promise<unknown>): Promise<void> {
  for (const role of ['migrator', 'jobkeeper']) {
    await maintain(
      `DO $$ BEGIN CREATE ROLE ${role} LOGIN PASSWORD ${quoteLiteral(PASSWORD)};
       EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
    );
  }
}

/** A server of ours on which the rows of `recorded-VERSION.json` are shown by tables instead of views. */
export async function recordedStage(
  version: string,
  settings: Record<string, string | number> = {},
): Promise<RecordedStage> {
  const file = join(import.meta.dirname, `recorded-${version}.json`);
  const recorded = JSON.parse(await readFile(file, 'utf8')) as Recorded;
  const server = await startServer({
    name: `timescaledb-${version}`,
    // Named in the configuration they can be changed like those of a library that is loaded.
    settings: { ...recorded.settings, 'timescaledb.max_background_workers': 16, max_worker_processes: 32, ...settings },
  });
  return new RecordedStage(version, recorded, server);
}

export class RecordedStage extends StageOn implements AsyncDisposable {
  readonly version: string;
  readonly real = false;
  readonly #recorded: Recorded;
  readonly server: DemoServer;

  constructor(version: string, recorded: Recorded, server: DemoServer) {
    super();
    this.version = version;
    this.#recorded = recorded;
    this.server = server;
  }

  protected uri(database: string): string {
    return this.server.uri(database);
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  protected async fill(database: StageDatabase, kind: Contents): Promise<void> {
    const { relations, settings } = this.#recorded;
    const statements = [
      `INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
         VALUES (99999, 'timescaledb', 10, 'public'::regnamespace, false, '${this.version}')`,
      ...Object.keys(settings).map((name) => `GRANT SET ON PARAMETER ${name} TO migrator`),
      ...SCHEMAS.map(
        (name) => `CREATE SCHEMA ${name}; GRANT USAGE ON SCHEMA ${name} TO PUBLIC; ${memberOfExtension(name)}`,
      ),
      ...(kind === 'sample' ? [PLAIN_SAMPLE, ...this.#chunks()] : []),
      ...Object.entries(relations).flatMap(([name, { columns, rows }]) => [
        `CREATE TABLE ${name} (${Object.entries(columns)
          .map(([column, type]) => `${quoteIdent(column)} ${NOT_HERE.test(type) ? 'text' : type}`)
          .join(', ')})`,
        ...(kind === 'sample'
          ? [
              `INSERT INTO ${name} SELECT * FROM jsonb_populate_recordset(NULL::${name}, ${quoteLiteral(JSON.stringify(rows))})`,
            ]
          : []),
        `GRANT ALL ON ${name} TO PUBLIC`,
      ]),
      ALTER_JOB,
    ];
    await database.admin(statements.join(';\n'));
  }

  /** The tables that the recorded rows name: chunks under their hypertable, with a few rows. */
  #chunks(): string[] {
    const rowsOf = (name: string) => this.#recorded.relations[name]?.rows ?? [];
    const roots = new Map(rowsOf('_timescaledb_catalog.hypertable').map((row) => [row.id, row]));
    return rowsOf('_timescaledb_catalog.chunk').flatMap((chunk) => {
      const root = roots.get(chunk.hypertable_id);
      const name = `${chunk.schema_name}.${chunk.table_name}`;
      if (root?.schema_name !== 'public') return [`CREATE TABLE ${name} AS SELECT i FROM generate_series(1, 5) i`];
      const row = { metrics: 'now(), 1, 1', counters: "1, 'a', 1", readings: "now(), 'a', 1", kept: 'now(), 1' }[
        String(root.table_name)
      ];
      return [
        `CREATE TABLE ${name} () INHERITS (public.${root.table_name})`,
        `INSERT INTO ${name} SELECT ${row}`,
        `ALTER TABLE ${name} OWNER TO migrator`,
      ];
    });
  }
}

/** What CREATE EXTENSION notes of a schema that it makes. */
const memberOfExtension = (schema: string): string =>
  `INSERT INTO pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype)
     VALUES ('pg_namespace'::regclass, '${schema}'::regnamespace, 0, 'pg_extension'::regclass, 99999, 0, 'e')`;

/** As much of it as pausing needs. The words are those of 2.23.1. */
const ALTER_JOB = `
  CREATE FUNCTION public.alter_job(id int, scheduled bool) RETURNS void LANGUAGE plpgsql AS $function$
    DECLARE keeper name;
    BEGIN
      SELECT owner INTO keeper FROM timescaledb_information.jobs WHERE job_id = alter_job.id;
      IF NOT pg_has_role(keeper, 'USAGE') THEN
        RAISE EXCEPTION 'insufficient permissions to alter job %', id USING ERRCODE = 'insufficient_privilege';
      END IF;
      UPDATE timescaledb_information.jobs j SET scheduled = alter_job.scheduled WHERE job_id = alter_job.id;
    END $function$`;

/** The real one; it must offer `version`. */
export const realStage = (server: string, version: string): Stage => new RealStage(server, version);

class RealStage extends StageOn {
  readonly version: string;
  readonly real = true;
  readonly #server: string;

  constructor(server: string, version: string) {
    super();
    this.#server = server;
    this.version = version;
  }

  protected uri(database: string): string {
    return Object.assign(new URL(this.#server), { pathname: `/${database}` }).href;
  }

  async stop(): Promise<void> {}

  protected async fill(database: StageDatabase, kind: Contents): Promise<void> {
    await database.admin(`CREATE EXTENSION timescaledb VERSION '${this.version}'`);
    // Nothing may happen by itself while a test looks.
    await database.admin('SELECT _timescaledb_functions.stop_background_workers()');
    if (kind === 'sample') await database.admin(SAMPLE);
  }
}

/** The versions of TimescaleDB that a server offers, the oldest first; none where it has no such extension. */
export async function versionsOffered(uri: string): Promise<string[]> {
  return withClient(uri, async (client) => {
    const { rows } = await client.query<{ version: string }>(
      `SELECT version FROM pg_available_extension_versions WHERE name = 'timescaledb' ORDER BY string_to_array(version, '.')`,
    );
    return rows.map(({ version }) => version);
  });
}
