import pg from 'pg';
import { expect } from 'vitest';
import { Migration } from '../scenarios/whole/migration.ts';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { OwnSource } from './own-source.ts';

const SOURCE = `
CREATE ROLE mover LOGIN REPLICATION PASSWORD 'mover'; ALTER DATABASE app OWNER TO mover; SET ROLE mover;
CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT g, 0 FROM generate_series(1, 100) g`;
const OURS = `application_name LIKE 'tiger-migrate-tui %' AND datname = 'app'`;

/** Somebody's sessions: a server has as many as it gives. */
class Fillers {
  readonly #clients: pg.Client[] = [];

  /** Opens sessions until the server refuses one. */
  async take(uri: string, replication: boolean): Promise<void> {
    for (;;) {
      const config: pg.ClientConfig & { replication?: string } = {
        connectionString: uri,
        ...(replication ? { replication: 'true' } : {}),
      };
      const client = new pg.Client(config);
      client.on('error', () => undefined);
      const refused = await client.connect().then(
        () => null,
        (error: { code?: string }) => error.code,
      );
      if (refused === '53300') return;
      expect(refused).toBe(null);
      this.#clients.push(client);
    }
  }

  async leave(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.end()));
  }
}

test('no connection free on the source (53300), by CONNECTION LIMIT of role and database, max_connections and max_wal_senders, at the start and in replay: told apart, and gone on with', async ({
  databases,
}) => {
  const { target } = databases;
  await using source = await OwnSource.start(SOURCE, {
    settings: { max_connections: 20, max_wal_senders: 5, superuser_reserved_connections: 3 },
  });
  // A session that has one already: for whoever writes, and for the administrator.
  const other = await source.connect();
  const fillers = new Fillers();
  const start = () =>
    Migration.start({
      source: source.server.uri('app', 'mover', 'mover'),
      target: target.uri,
      targetDatabase: target.name,
      options: { tableJobs: 1, indexJobs: 1 },
    });
  const limits = [
    {
      set: () => other.query('ALTER ROLE mover CONNECTION LIMIT 0'),
      lift: () => other.query('ALTER ROLE mover CONNECTION LIMIT -1'),
      told: {
        message: expect.stringContaining('too many connections for role'),
        hint: expect.stringContaining('ALTER ROLE "mover" CONNECTION LIMIT -1;'),
      },
    },
    {
      set: () => other.query('ALTER DATABASE app CONNECTION LIMIT 0'),
      lift: () => other.query('ALTER DATABASE app CONNECTION LIMIT -1'),
      told: {
        message: expect.stringContaining('too many connections for database'),
        hint: expect.stringContaining('ALTER DATABASE "app" CONNECTION LIMIT -1;'),
      },
    },
    {
      set: () => fillers.take(source.server.uri('postgres'), false),
      lift: () => fillers.leave(),
      told: {
        message: expect.stringMatching(/too many clients|connection slots are reserved/),
        hint: expect.stringContaining('raise max_connections'),
      },
    },
  ];
  try {
    for (const { set, lift, told } of limits) {
      await set();
      await using refused = await start();
      expect((await refused.ended)?.report()).toMatchObject({ code: 'TM1110', side: 'source', ...told });
      await lift();
    }
    await fillers.take(source.server.uri('postgres'), true);
    {
      await using refused = await start();
      expect((await refused.ended)?.report()).toMatchObject({
        code: 'TM1208',
        side: 'source',
        hint: expect.stringContaining('max_wal_senders'),
      });
    }
    await fillers.leave();
    expect((await other.query('SELECT FROM pg_replication_slots')).rows).toEqual([]);
    expect((await other.query('SELECT FROM pg_publication')).rows).toEqual([]);
    expect(await target.query(`SELECT FROM pg_namespace WHERE nspname = 'tiger_migrate'`)).toEqual([]);

    await using migration = await start();
    await migration.reached('replay');
    let written = 0;
    const write = () => other.query(`UPDATE t SET v = ${++written}; INSERT INTO t VALUES (${1000 + written})`);
    const arrives = async () => {
      await migration.until(async () => {
        const rows = await target.query(`SELECT FROM t WHERE v = ${written}`);
        const streaming = await other.query(`SELECT FROM pg_stat_replication WHERE state = 'streaming'`);
        return rows.length >= 100 && streaming.rows.length > 0 && migration.troubles.length === 0;
      }, 'the rows, and no trouble to be left');
    };
    const told = (trouble: object) => {
      const fits = expect.objectContaining(trouble);
      return migration.until(
        () => migration.troubles.some((one) => fits.asymmetricMatch(one)),
        JSON.stringify(trouble),
      );
    };
    const [ofRole] = limits;
    for (const limit of limits) {
      // Sessions of ours find the door shut before those of others have taken their places.
      await ofRole?.set();
      await other.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS}`);
      await limit.set();
      if (limit !== ofRole) await ofRole?.lift();
      await write();
      await told({ policy: 'retry', code: 'TM1110', side: 'source', since: expect.any(String), ...limit.told });
      await limit.lift();
      await arrives();
    }

    // WAL senders have a limit of their own; whoever is quicker takes the one that comes free.
    await write();
    const noSender = {
      what: 'receiving changes from the source',
      policy: 'operator',
      code: 'TM1208',
      side: 'source',
      message: expect.stringContaining('max_wal_senders'),
      hint: expect.stringContaining('max_wal_senders'),
    };
    await migration.until(async () => {
      await other.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE usename = 'mover'`);
      await fillers.take(source.server.uri('postgres'), true);
      return migration.troubles.some((one) => expect.objectContaining(noSender).asymmetricMatch(one));
    }, 'no WAL sender to be left');
    await fillers.leave();
    await arrives();
    await migration.cutOver(false);
    expect(await compareDatabases(source.uri, target.superuserUri)).toEqual([]);
  } finally {
    await fillers.leave();
  }
});
