import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type pg from 'pg';
import { expect } from 'vitest';
import { publicationNamesOf, slotNameOf } from '../../../src/engine/begin.ts';
import { type OutputPlugin, pluginNamed } from '../../../src/engine/decode/plugin.ts';
import { spoolDirectoryOf } from '../../../src/engine/engine.ts';
import type { DamageReport, EventPayload } from '../../../src/engine/events.ts';
import { migrationOptionsSchema } from '../../../src/engine/options.ts';
import { Replay } from '../../../src/engine/replay/replay.ts';
import type { Servers } from '../../../src/engine/servers.ts';
import { emitHeartbeat } from '../../../src/engine/source/heartbeat.ts';
import { Receiver } from '../../../src/engine/source/receiver.ts';
import { dropSlot } from '../../../src/engine/source/slot.ts';
import { SpoolWatermark } from '../../../src/engine/spool/reader.ts';
import { SpoolWriter } from '../../../src/engine/spool/writer.ts';
import { readDamaged } from '../../../src/engine/sync/damage.ts';
import { readApplied } from '../../../src/engine/target/progress-schema.ts';
import type { ErrorReport, MigrateError } from '../../../src/errors/migrate-error.ts';
import { displayName } from '../../../src/postgres/identifiers.ts';
import { type Lsn, parseLsn } from '../../../src/postgres/lsn.ts';
import { compareRows } from '../../support/compare/rows.ts';
import { SESSION_SETTINGS } from '../../support/compare/session.ts';
import type { TestDatabases } from '../../support/databases.ts';
import { until } from '../../support/wait.ts';
import { beginLive, openSpoolAgain, serversOf } from './begin-live.ts';
import { record } from './recorded-statements.ts';
import type { ReplayOptions } from './replay-options.ts';

/**
 * The stream, spool and apply part of the engine on real servers, without copy and cut-over: tables on both sides with
 * the same rows, two publications, a slot, a receiver that spools, and a replay that applies.
 */
export class LiveReplay implements AsyncDisposable {
  /** Ordinary sessions of the owners, for the test's own statements. */
  readonly source: pg.Client;
  readonly target: pg.Client;
  /** Everything that the engine said. */
  readonly events: EventPayload[] = [];
  /** Every statement that the applier has sent by node-postgres' own means: shows which way a batch went. */
  readonly statements: string[] = [];
  readonly slot: string;
  readonly spoolDirectory: string;
  /** Bytes that the receiver leaves free on the spool's disk. */
  reserveBytes = 0;
  replay: Replay;
  #receiver: Receiver;
  readonly #servers: Servers;
  /** As `#servers`, by way of the proxies if there are any. */
  readonly #proxied: Servers;
  readonly #control: pg.Client;
  /** Sessions in which both sides say the same value in the same words. */
  readonly #comparing: { readonly source: pg.Client; readonly target: pg.Client };
  readonly #options: ReplayOptions;
  readonly #plugin: OutputPlugin;
  #ending = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #atRest: Promise<unknown> = Promise.resolve();
  #watermark: SpoolWatermark;
  #writer: SpoolWriter | null = null;
  readonly #publications: readonly string[];

  private constructor(of: {
    source: pg.Client;
    target: pg.Client;
    control: pg.Client;
    comparing: { source: pg.Client; target: pg.Client };
    servers: Servers;
    proxied: Servers;
    id: string;
    directory: string;
    options: ReplayOptions;
  }) {
    this.source = of.source;
    this.target = of.target;
    this.#control = of.control;
    this.#comparing = of.comparing;
    this.#servers = of.servers;
    this.#proxied = of.proxied;
    this.#options = of.options;
    this.#plugin = pluginNamed(of.options.plugin ?? 'pgoutput');
    this.slot = slotNameOf(of.id);
    const names = publicationNamesOf(of.id);
    this.#publications = [names.all, names.inserts];
    this.spoolDirectory = of.directory;
    this.#watermark = new SpoolWatermark({ position: { segment: 0, block: 0, offset: 0 }, commitEnd: 0n as Lsn });
    this.#receiver = this.#newReceiver();
    this.replay = this.#newReplay();
  }

  /** Makes the tables and starts receiving and applying. */
  static async start(databases: TestDatabases, options: ReplayOptions): Promise<LiveReplay> {
    const source = await databases.source.connect();
    const target = await databases.target.connect();
    const id = randomBytes(5).toString('hex');
    const { servers, proxied } = serversOf(databases, options, id);
    await target.query('SET session_replication_role = replica').catch(() => undefined);
    for (const side of [source, target]) await side.query(`${options.tables};\n${options.rows ?? ''}`);
    const control = await servers.onSource('control');
    // A walsender sends what is flushed: an asynchronous commit would be waited for a fifth of a second.
    for (const session of [source, control]) await session.query('SET synchronous_commit = on');
    const comparing = { source: await databases.source.connect(), target: await databases.target.connect() };
    for (const session of Object.values(comparing)) await session.query(SESSION_SETTINGS);
    const directory = spoolDirectoryOf(await mkdtemp(join(tmpdir(), 'tiger-migrate-')));
    const live = new LiveReplay({ source, target, control, comparing, servers, proxied, id, directory, options });
    await beginLive({ id, slot: live.slot, plugin: live.#plugin, control, servers, proxied });
    await live.resume();
    return live;
  }

  #newReceiver(): Receiver {
    const reserveBytes = () => this.reserveBytes;
    return new Receiver({
      connect: () => this.#proxied.replication('receive'),
      slot: this.slot,
      plugin: this.#plugin,
      publications: this.#publications,
      binary: this.#options.binary ?? false,
      spoolDirectory: this.spoolDirectory,
      get reserveBytes() {
        return reserveBytes();
      },
      emit: (event) => this.events.push(event),
      signal: this.#ending.signal,
    });
  }

  #newReplay(): Replay {
    return new Replay({
      connectTarget: async (application) => {
        const client = await this.#proxied.onTarget(application);
        record(client, this.statements);
        return client;
      },
      connectSource: this.#servers.onSource,
      plugin: this.#plugin,
      options: migrationOptionsSchema.parse({}),
      destroy: this.#servers.destroy,
      spoolDirectory: this.spoolDirectory,
      watermark: this.#watermark,
      emit: (event) => this.events.push(event),
      signal: this.#ending.signal,
    });
  }

  /** The error that receiving or replaying has ended with; waits for it. */
  async ended(): Promise<MigrateError> {
    return this.#running.then(
      () => expect.fail('it ended without an error'),
      (error: unknown) => error as MigrateError,
    );
  }

  /** Starts again after `stop`, as a new process of the engine would. */
  async resume(): Promise<void> {
    this.#ending = new AbortController();
    this.#receiver = this.#newReceiver();
    this.#writer = await SpoolWriter.open({
      directory: this.spoolDirectory,
      segmentBytes: this.#options.segmentBytes ?? 64 * 1024 * 1024,
      prologue: this.#receiver.prologue,
      onReadable: (end) => this.#watermark.advance(end),
    });
    this.#watermark = new SpoolWatermark(this.#writer.end);
    this.replay = this.#newReplay();
    const both = [this.#receiver.run(this.#writer), this.replay.run()];
    this.#running = Promise.race(both);
    this.#running.catch(() => undefined);
    this.#atRest = Promise.allSettled(both);
  }

  /** Opens the spool as an engine that resumes would: after `stop`. Rejects when changes are missing. */
  async openAgain(): Promise<void> {
    await openSpoolAgain({
      spoolDirectory: this.spoolDirectory,
      slot: this.slot,
      publications: this.#publications,
      plugin: this.#plugin,
      servers: this.#servers,
      source: this.#control,
    });
  }

  async stop(): Promise<void> {
    this.#ending.abort(new Error('the test has stopped it'));
    // The other one may still be at work when one of them has failed.
    await this.#atRest;
    await this.#writer?.close();
  }

  /** Runs statements on the source as one transaction. */
  async transaction(sql: string): Promise<void> {
    await this.source.query(`BEGIN;\n${sql};\nCOMMIT`);
  }

  /** Resolves when everything that the source has committed is on the target; rejects when the engine gave up. */
  async drain(): Promise<void> {
    const id = randomUUID();
    const giveUp = AbortSignal.timeout(30_000);
    const applied = this.replay.whenApplied(id, giveUp);
    applied.catch(() => undefined);
    await emitHeartbeat(this.#control, id);
    await Promise.race([applied, this.#running]);
  }

  /** Everything else is applied; gives what was said of the one table that is damaged, as the target remembers it, too. */
  async damage(): Promise<{ relation: string; damage: DamageReport; warning: string }> {
    await this.drain();
    const told = this.events.flatMap((event) =>
      event.type === 'table' && event.state === 'damaged' && event.damage ? [{ ...event, damage: event.damage }] : [],
    );
    const [{ relation, damage }, ...more] = told as [(typeof told)[0], ...typeof told];
    const kept = await readDamaged(this.target);
    expect([more.length, kept.map(displayName)]).toEqual([0, [relation]]);
    expect(kept[0]?.damage).toEqual({ ...damage, lsn: damage.lsn && parseLsn(damage.lsn) });
    const warning = this.events.flatMap((event) => (event.type === 'warning' ? [event.text] : [])).join('\n');
    return { relation, damage, warning };
  }

  /** Why replay waits for the operator now; waits for that. */
  async held(): Promise<ErrorReport> {
    return until(() => this.replay.held?.report(), { what: 'replay to wait for the operator' });
  }

  /** Runs on the target, as its owner, what the engine says there is to run; it goes on by itself then. */
  async obey(): Promise<ErrorReport> {
    const report = await this.held();
    const sql = /^Run on the target: (.*)$/m.exec(report.hint)?.[1];
    if (sql === undefined) expect.fail(`nothing to run: ${report.hint}`);
    await this.target.query(sql);
    await until(() => this.replay.held?.message !== report.message, { what: 'replay to go on' });
    return report;
  }

  /** What replay ended with. */
  async failure(): Promise<MigrateError> {
    return this.drain().then(
      () => expect.fail('replay went on'),
      (error: unknown) => error as MigrateError,
    );
  }

  /** Everything is applied, and every table holds the same rows on both sides. */
  async expectEqual(): Promise<void> {
    await this.drain();
    expect(await this.differences()).toEqual([]);
  }

  async differences(): Promise<string[]> {
    return compareRows(this.#comparing.source, this.#comparing.target);
  }

  /** Rows applied so far, by the target's own account. */
  async changesApplied(): Promise<number> {
    const client = await this.#servers.onTarget('look');
    return readApplied(client)
      .then(({ changes }) => changes)
      .finally(() => this.#servers.destroy(client));
  }

  /** Resolves when the source has been told that everything it wrote up to now is safe here. */
  async allConfirmed(): Promise<void> {
    const { rows } = await this.source.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn() AS lsn');
    const sql = 'SELECT FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn >= $2';
    await until(async () => (await this.source.query(sql, [this.slot, rows[0]?.lsn])).rowCount, {
      what: 'the confirmation',
    });
  }

  /** How often a batch was applied again in source order because the set-wise way had failed. */
  get fallbacks(): number {
    return this.statements.filter((text) => text.startsWith('ROLLBACK TO SAVEPOINT tm_segment')).length;
  }

  /** How often a batch took the set-wise way. */
  get setWise(): number {
    return this.statements.filter((text) => text.startsWith('SAVEPOINT tm_segment')).length;
  }

  /** Batches went the way that their size asks for, and at the first attempt. */
  expectWay(rows: number): void {
    expect({ setWise: this.setWise > 0, fallbacks: this.fallbacks }).toEqual({ setWise: rows >= 32, fallbacks: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await dropSlot(this.#control, this.slot);
    this.#servers.destroy(this.#control);
    await rm(dirname(this.spoolDirectory), { recursive: true, force: true });
  }
}
