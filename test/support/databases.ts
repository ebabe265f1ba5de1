import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { test as base, inject } from 'vitest';
import { quoteIdent } from '../../src/postgres/identifiers.ts';
import { findLeaks, type Leak } from './leaks.ts';
import { ensureTemplate, type Template } from './template.ts';
import { TARGET_OWNER_WITHOUT_REPLICA_ROLE, type TestServer, uriOf, withClient } from './test-servers.ts';

/** One side of a test: a database of its own on the shared source or target server. */
export interface TestDatabase {
  readonly name: string;
  /** URI of the ordinary role that owns the database: what the product under test gets. */
  readonly uri: string;
  readonly superuserUri: string;
  readonly owner: string;
  readonly server: TestServer;
  /** Opens a connection that is closed after the test. */
  connect(as?: 'owner' | 'superuser'): Promise<pg.Client>;
  /** Runs SQL as the owner on a connection of its own; several statements are allowed without parameters. */
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<R[]>;
  /** The same as the superuser. */
  admin<R extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<R[]>;
}

export interface TestDatabases extends AsyncDisposable {
  readonly source: TestDatabase;
  readonly target: TestDatabase;
  /** A name for a role of this test; it is dropped on both servers afterwards, whoever has created it. */
  role(suffix: string): string;
  /** Says that this test leaves such things behind on purpose; they are removed all the same. */
  allow(...leaks: readonly Leak['kind'][]): void;
  /** Closes, looks for leaks, drops. Throws when something unallowed was left behind. */
  drop(): Promise<void>;
}

export interface DatabaseOptions {
  /** Filled once a run, copied for each test. */
  readonly source?: Template;
  readonly target?: Template;
  /** Whether the target's owner may `SET session_replication_role`. Default true. */
  readonly replicaRole?: boolean;
  /** Server encodings, with the locale C. Default: that of the servers, UTF8. */
  readonly sourceEncoding?: string;
  readonly targetEncoding?: string;
}

/** Creates an empty (or templated) source and target database for one test. */
export async function createDatabases(options: DatabaseOptions = {}): Promise<TestDatabases> {
  const name = `t_${randomBytes(5).toString('hex')}`;
  const target = inject('target');
  const owner = options.replicaRole === false ? TARGET_OWNER_WITHOUT_REPLICA_ROLE : target.owner;
  const databases = new Databases(
    name,
    new Database(`${name}_source`, inject('source')),
    new Database(`${name}_target`, { ...target, owner }),
  );
  await Promise.all([
    databases.source.create(options.source, options.sourceEncoding),
    databases.target.create(options.target, options.targetEncoding),
  ]);
  return databases;
}

/** Tests that take `databases` get a pair of their own, dropped and checked for leaks after the test. */
export const test = base.extend<{ databaseOptions: DatabaseOptions; databases: TestDatabases }>({
  databaseOptions: {},
  databases: async ({ databaseOptions }, use) => {
    const databases = await createDatabases(databaseOptions);
    await use(databases);
    await databases.drop();
  },
});

class Databases implements TestDatabases {
  readonly source: Database;
  readonly target: Database;
  readonly #name: string;
  readonly #roles = new Set<string>();
  readonly #allowed = new Set<Leak['kind']>();

  constructor(name: string, source: Database, target: Database) {
    this.#name = name;
    this.source = source;
    this.target = target;
  }

  role(suffix: string): string {
    const role = `${this.#name}_${suffix}`;
    this.#roles.add(role);
    return role;
  }

  allow(...leaks: readonly Leak['kind'][]): void {
    for (const leak of leaks) this.#allowed.add(leak);
  }

  async drop(): Promise<void> {
    const both = [this.source, this.target];
    await Promise.all(both.map((database) => database.close()));
    const leaks: Leak[] = [];
    for (const database of both) {
      await database.maintain(async (client) => {
        const scope = { database: database.name, uri: database.superuserUri, test: this.#name, roles: this.#roles };
        leaks.push(...(await findLeaks(client, scope)));
        await client.query(`DROP DATABASE ${quoteIdent(database.name)} WITH (FORCE)`);
        for (const role of this.#roles) await client.query(`DROP ROLE IF EXISTS ${quoteIdent(role)}`);
      });
    }
    const unexpected = leaks.filter((leak) => !this.#allowed.has(leak.kind));
    if (unexpected.length > 0) {
      throw new Error(
        `left behind by this test:\n${unexpected.map(({ kind, what }) => `  ${kind} ${what}`).join('\n')}`,
      );
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drop();
  }
}

class Database implements TestDatabase {
  readonly name: string;
  readonly server: TestServer;
  readonly owner: string;
  readonly uri: string;
  readonly superuserUri: string;
  readonly #open = new Set<pg.Client>();

  constructor(name: string, server: TestServer) {
    this.name = name;
    this.server = server;
    this.owner = server.owner;
    this.uri = uriOf(server, name, server.owner, server.ownerPassword);
    this.superuserUri = uriOf(server, name, server.superuser, server.password);
  }

  async create(template: Template | undefined, encoding: string | undefined): Promise<void> {
    const from = template ? await ensureTemplate(this.server, template) : encoding ? 'template0' : 'template1';
    const locale = encoding ? ` ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C'` : '';
    await this.maintain((client) =>
      client.query(
        `CREATE DATABASE ${quoteIdent(this.name)} TEMPLATE ${quoteIdent(from)} OWNER ${quoteIdent(this.owner)}${locale}`,
      ),
    );
  }

  async connect(as: 'owner' | 'superuser' = 'owner'): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: as === 'owner' ? this.uri : this.superuserUri });
    // Cut-over tests have their connections terminated; what matters to them fails in their own query.
    client.on('error', () => undefined);
    await client.connect();
    this.#open.add(client);
    return client;
  }

  query<R extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<R[]> {
    return once<R>(this.uri, sql, values);
  }

  admin<R extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<R[]> {
    return once<R>(this.superuserUri, sql, values);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((client) => client.end()));
    this.#open.clear();
  }

  /** Works as the superuser outside the database. */
  maintain<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    return withClient(uriOf(this.server, 'postgres', this.server.superuser, this.server.password), work);
  }
}

function once<R extends pg.QueryResultRow>(uri: string, sql: string, values?: readonly unknown[]): Promise<R[]> {
  return withClient(uri, async (client) => {
    const result: pg.QueryResult<R> | pg.QueryResult<R>[] = values
      ? await client.query<R>(sql, [...values])
      : await client.query<R>(sql);
    // Several statements give several results: the last one counts.
    const last = Array.isArray(result) ? result.at(-1) : result;
    return last?.rows ?? [];
  });
}
