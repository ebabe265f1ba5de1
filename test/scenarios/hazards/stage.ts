import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { type LogicalReplicationConfig, LogicalReplicationService, PgoutputPlugin } from 'pg-logical-replication';
import { decodePgoutput, pgoutput } from '../../../src/engine/decode/pgoutput.ts';
import { cellBytes } from '../../../src/engine/decode/tuple.ts';
import { ReplicationStream, type StreamHandlers } from '../../../src/engine/source/replication-stream.ts';
import { createSlot, dropSlot } from '../../../src/engine/source/slot.ts';
import { connect, destroy } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { type Lsn, parseLsn } from '../../../src/postgres/lsn.ts';
import type { TestDatabase } from '../../support/databases.ts';
import { until } from '../../support/wait.ts';

/** A published table `log (what text)`, and two slots that see the same changes: one for the library, one for us. */
export class Stage implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly publication: string;
  readonly naiveSlot: string;
  readonly ourSlot: string;
  readonly writer: pg.Client;
  readonly #open: (() => Promise<unknown>)[] = [];

  private constructor(database: TestDatabase, writer: pg.Client) {
    const id = randomBytes(5).toString('hex');
    this.database = database;
    this.writer = writer;
    this.publication = `hazard_${id}`;
    this.naiveSlot = `hazard_${id}_naive`;
    this.ourSlot = `hazard_${id}_ours`;
  }

  static async set(database: TestDatabase): Promise<Stage> {
    const writer = await database.connect();
    const stage = new Stage(database, writer);
    // A walsender sends what is flushed: an asynchronous commit would be waited for a fifth of a second.
    await writer.query('SET synchronous_commit = on');
    await writer.query(`CREATE TABLE log (what text); CREATE PUBLICATION ${stage.publication} FOR TABLE log`);
    for (const slot of [stage.naiveSlot, stage.ourSlot]) {
      const client = await stage.replication();
      await createSlot(client, slot, 'pgoutput', false);
      destroy(client);
    }
    return stage;
  }

  write(what: string): Promise<unknown> {
    return this.writer.query('INSERT INTO log VALUES ($1)', [what]);
  }

  /** Everything that was committed so far ends before it. */
  async position(): Promise<Lsn> {
    const { rows } = await this.writer.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn() AS lsn');
    return parseLsn(rows[0]?.lsn ?? '');
  }

  replication(): Promise<pg.Client> {
    const settings = parseConnectionString(this.database.uri, {});
    return connect(settings, { side: 'source', application: 'hazards', replication: 'database' });
  }

  async confirmed(slot: string): Promise<Lsn> {
    const { rows } = await this.writer.query<{ lsn: string }>(
      'SELECT confirmed_flush_lsn AS lsn FROM pg_replication_slots WHERE slot_name = $1',
      [slot],
    );
    return parseLsn(rows[0]?.lsn ?? '');
  }

  /** When our walsender has last heard from us; null when there is none. */
  async replies(): Promise<string | null> {
    const rows = await this.database.admin<{ at: string }>(
      `SELECT r.reply_time::text AS at FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.slot_name = $1`,
      [this.ourSlot],
    );
    return rows[0]?.at ?? null;
  }

  /** Resolves when nobody reads from the slot. */
  async released(slot: string): Promise<void> {
    const sql = 'SELECT FROM pg_replication_slots WHERE slot_name = $1 AND NOT active';
    await until(async () => (await this.writer.query(sql, [slot])).rowCount, { what: 'the slot to be free' });
  }

  /** A service of the library, with its pgoutput plugin subscribed by `subscribe`. */
  service(config: LogicalReplicationConfig): LogicalReplicationService {
    const service = new LogicalReplicationService({ connectionString: this.database.uri }, config);
    service.on('error', () => undefined);
    this.#open.push(() => service.destroy());
    return service;
  }

  /** What a service hears from now on. A service that is stopped ends its subscription with an error, or never. */
  subscribe(service: LogicalReplicationService): void {
    const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [this.publication] });
    service.subscribe(plugin, this.naiveSlot).catch(() => undefined);
  }

  /** Our stream on our slot. */
  async stream(
    start: Lsn,
    handlers: Partial<StreamHandlers>,
  ): Promise<{ stream: ReplicationStream; done: Promise<never> }> {
    const options = { slot: this.ourSlot, plugin: pgoutput, publications: [this.publication], start, binary: false };
    const all: StreamHandlers = { onMessage: () => undefined, onKeepalive: () => undefined, ...handlers };
    const client = await this.replication();
    const started = await ReplicationStream.start(client, options, all);
    this.#open.push(async () => destroy(client));
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#open) await close();
    for (const slot of [this.naiveSlot, this.ourSlot]) await dropSlot(this.writer, slot);
  }
}

/** The row that a message of the library's plugin inserts. */
export const insertedBy = (message: { tag: string; new?: { what: string } }): string | null =>
  message.tag === 'insert' ? (message.new?.what ?? null) : null;

/** The row that a message of the stream inserts. */
export function insertedIn(message: Buffer): string | null {
  const change = decodePgoutput(message);
  return change.kind === 'insert' ? (cellBytes(change.tuple, 0)?.toString() ?? null) : null;
}

/** The end LSN of the transaction that a message of the stream commits. */
export function committedIn(message: Buffer): { commit: Lsn; end: Lsn } | null {
  const change = decodePgoutput(message);
  return change.kind === 'commit' ? { commit: change.commitLsn, end: change.endLsn } : null;
}
