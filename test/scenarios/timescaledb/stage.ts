import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { MigrationOptions } from '../../../src/engine/options.ts';
import { quoteIdent } from '../../../src/postgres/identifiers.ts';
import { withClient } from '../../support/test-servers.ts';
import type { Query } from '../../support/timescaledb/contents.ts';
import { atLeast, offered, realServer } from '../../support/timescaledb/play.ts';
import { until } from '../../support/wait.ts';
import { Migration } from '../whole/migration.ts';

/** Why a test of hypertables that live is skipped. */
export const NO_TIMESCALEDB = offered.length === 0;
export const [OLDEST, NEWEST] = [offered[0] ?? '', offered.at(-1) ?? ''];

const PASSWORD = 'not a secret';
const [SOURCE_ROLE, TARGET_ROLE] = ['hypertables_source', 'hypertables_target'];
/** A third one, that both of them are members of. */
export const KEEPER = 'hypertables_keeper';

export interface StagedSides {
  /** Versions of TimescaleDB; of the newest if none is given. */
  readonly version?: string;
  readonly targetVersion?: string;
  readonly options?: Partial<MigrationOptions>;
}

/** A source and a target with TimescaleDB, as ordinary roles own them, and migrations between them. */
export class Hypertables implements AsyncDisposable {
  readonly source: string;
  readonly target: string;
  readonly #name: string;
  readonly #options: Partial<MigrationOptions>;
  readonly #clients: pg.Client[] = [];
  readonly #migrations: Migration[] = [];

  private constructor(name: string, options: Partial<MigrationOptions>) {
    this.#name = name;
    this.#options = options;
    this.source = uriOf(`${name}_source`, SOURCE_ROLE);
    this.target = uriOf(`${name}_target`, TARGET_ROLE);
  }

  static async create({
    version = NEWEST,
    targetVersion = NEWEST,
    options = {},
  }: StagedSides = {}): Promise<Hypertables> {
    const name = `t_${randomBytes(5).toString('hex')}`;
    await withClient(realServer, async (client) => {
      for (const [role, rights] of [
        [SOURCE_ROLE, 'REPLICATION'],
        [TARGET_ROLE, 'CREATEROLE'],
        [KEEPER, ''],
      ]) {
        await client.query(
          `DO $$ BEGIN CREATE ROLE ${role} LOGIN ${rights} PASSWORD '${PASSWORD}';
           EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
        );
      }
      for (const grant of [
        `GRANT SET ON PARAMETER session_replication_role TO ${TARGET_ROLE}`,
        `GRANT ${KEEPER} TO ${SOURCE_ROLE}, ${TARGET_ROLE}`,
      ]) {
        await client.query(`DO $$ BEGIN ${grant};
          EXCEPTION WHEN OTHERS THEN IF SQLERRM NOT LIKE '%concurrently updated%' THEN RAISE; END IF; END $$`);
      }
      await client.query(`CREATE DATABASE ${name}_source OWNER ${SOURCE_ROLE}`);
      await client.query(`CREATE DATABASE ${name}_target OWNER ${TARGET_ROLE}`);
    });
    for (const [side, wanted] of [
      ['source', version],
      ['target', targetVersion],
    ] as const) {
      await withClient(uriOf(`${name}_${side}`), async (client) => {
        await client.query(`SET client_min_messages = error; CREATE EXTENSION timescaledb VERSION '${wanted}'`);
        // Nothing may happen by itself while a test looks.
        await client.query('SELECT _timescaledb_functions.stop_background_workers()');
        if (side === 'source' && atLeast(wanted, '2.17')) {
          await client.query(
            `ALTER DATABASE ${quoteIdent(`${name}_${side}`)} SET timescaledb.enable_compressed_direct_batch_delete = off`,
          );
        }
      });
    }
    return new Hypertables(name, options);
  }

  /** Runs SQL on a side as its owner; the rows of the last statement. */
  on(side: 'source' | 'target', sql: string): Promise<Record<string, unknown>[]> {
    return run(this[side], sql);
  }

  /** A URI of the superuser, who sees everything. */
  superuser(side: 'source' | 'target'): string {
    return uriOf(`${this.#name}_${side}`);
  }

  asSuperuser(side: 'source' | 'target'): Query {
    return (sql) => run(this.superuser(side), sql);
  }

  /** A session that stays. */
  async session(side: 'source' | 'target'): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this[side] });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('SET client_min_messages = error');
    this.#clients.push(client);
    return client;
  }

  get targetDatabase(): string {
    return `${this.#name}_target`;
  }

  /** `waitForGo`: stops behind the snapshot, so that what the source does then is done during the copy. */
  async migrate(of: { waitForGo?: boolean; directory?: string } = {}): Promise<Migration> {
    const { waitForGo = false, directory } = of;
    const migration = await Migration.start({
      source: this.source,
      target: this.target,
      targetDatabase: this.targetDatabase,
      options: { provider: 'selfhosted-timescaledb', tableJobs: 1, indexJobs: 1, ...this.#options },
      waitForGo,
      ...(directory === undefined ? {} : { resume: { directory } }),
    });
    this.#migrations.push(migration);
    return migration;
  }

  /** Resolves when the target has every row that the source has committed. */
  async caughtUp(migration: Migration): Promise<void> {
    await migration.reached('replay');
    const { wal } = (await this.on('source', `SELECT pg_logical_emit_message(true, 'a test', '') AS wal`))[0] ?? {};
    await migration.until(
      async () =>
        (await this.on('target', `SELECT FROM tiger_migrate.progress WHERE applied_lsn >= '${wal}'`)).length > 0,
      'replay to be there',
    );
  }

  /** Cuts over; rejects with what keeps it from being done. */
  async cutOver(migration: Migration): Promise<void> {
    const failed = new Promise<never>((_, reject) => {
      migration.onEvent((event) => {
        if (event.type === 'error') reject(new Error(JSON.stringify(event.error)));
      });
    });
    await Promise.race([migration.cutOver(false), failed]);
  }

  /** What is in the hypertables of a side: the ranges of their chunks, and their rows. */
  async contents(side: 'source' | 'target'): Promise<Record<string, unknown>> {
    return withClient(this[side], async (client) => {
      await client.query(`SET timezone = 'UTC'; SET extra_float_digits = 3; SET client_min_messages = error`);
      const tables = await client.query<{ name: string }>(
        `SELECT format('%I.%I', hypertable_schema, hypertable_name) AS name FROM timescaledb_information.hypertables ORDER BY 1`,
      );
      const contents: Record<string, unknown> = {};
      for (const { name } of tables.rows) {
        const chunks = await client.query<{ slices: string }>(
          `SELECT s.slices::text AS slices FROM pg_inherits i CROSS JOIN _timescaledb_functions.show_chunk(i.inhrelid::regclass) s
            WHERE i.inhparent = $1::regclass ORDER BY 1`,
          [name],
        );
        const rows = await client.query<{ row: string }>(`SELECT r::text AS row FROM ${name} r ORDER BY 1`);
        contents[name] = { chunks: chunks.rows.map(({ slices }) => slices), rows: rows.rows.map(({ row }) => row) };
      }
      return contents;
    });
  }

  /** Differences of the two sides, shortened: none is what every test wants. */
  async differences(): Promise<string[]> {
    const [source, target] = [await this.contents('source'), await this.contents('target')];
    const names = new Set([...Object.keys(source), ...Object.keys(target)]);
    const sideBySide = (name: string, what: 'chunks' | 'rows') => {
      const of = (contents: Record<string, unknown>) =>
        (contents[name] as Record<string, string[]> | undefined)?.[what] ?? [];
      const [here, there] = [of(source), of(target)];
      const only = (some: string[], others: Set<string>) => some.filter((one) => !others.has(one)).slice(0, 3);
      if (here.join('\n') === there.join('\n')) return [];
      const lists = { source: only(here, new Set(there)), target: only(there, new Set(here)) };
      return [`${name}: ${here.length} ${what}, on the target ${there.length}; ${JSON.stringify(lists)}`];
    };
    return [...names].flatMap((name) => [...sideBySide(name, 'chunks'), ...sideBySide(name, 'rows')]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const migration of this.#migrations) await migration[Symbol.asyncDispose]();
    for (const client of this.#clients) await client.end().catch(() => undefined);
    await withClient(realServer, async (client) => {
      const slots = `SELECT slot_name AS name FROM pg_replication_slots WHERE database = '${this.#name}_source'`;
      await client.query(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '${this.#name}_source' AND active`,
      );
      await until(
        async () => {
          for (const { name } of (await client.query<{ name: string }>(`${slots} AND NOT active`)).rows)
            await client.query('SELECT pg_drop_replication_slot($1)', [name]);
          return (await client.query(slots)).rowCount === 0;
        },
        { what: 'the slots to be gone' },
      );
      for (const side of ['source', 'target'])
        await client.query(`DROP DATABASE IF EXISTS ${this.#name}_${side} WITH (FORCE)`);
    });
  }
}

function run<R extends pg.QueryResultRow>(uri: string, sql: string): Promise<R[]> {
  return withClient(uri, async (client) => {
    await client.query('SET client_min_messages = error');
    const results = (await client.query<R>(sql)) as pg.QueryResult<R> | pg.QueryResult<R>[];
    return (Array.isArray(results) ? results.at(-1) : results)?.rows ?? [];
  });
}

function uriOf(database: string, role?: string): string {
  const uri = Object.assign(new URL(realServer), { pathname: `/${database}` });
  return role ? Object.assign(uri, { username: role, password: PASSWORD }).href : uri.href;
}
