import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { MigrateError } from '../errors/migrate-error.ts';
import {
  asked,
  isSilent,
  type LineHistory,
  type LivenessTimes,
  look,
  newHistory,
  type OurSide,
  type TheirSide,
  verdict,
} from './liveness.ts';

/** What node-postgres knows of a connection and does not have in its public types. */
interface Wire {
  readonly processID: number;
  readonly readyForQuery: boolean;
  /** What runs. */
  readonly _activeQuery: unknown;
  readonly connection: { readonly stream: Socket };
}

interface Line {
  readonly stream: Socket;
  readonly pid: number;
  readonly ours: () => OurSide;
  history: LineHistory;
}

function ourSideOf(client: Wire): OurSide {
  const { stream } = client.connection;
  // What we hold back, or have not read yet, nobody owes us.
  const reading = stream.readableLength === 0 && (!stream.isPaused() || stream.listenerCount('readable') > 0);
  return {
    waiting: !client.readyForQuery && reading,
    bytesRead: stream.bytesRead,
    bytesWritten: stream.bytesWritten,
    unsent: stream.writableLength,
    sending: client._activeQuery instanceof Writable && !client._activeQuery.writableEnded,
  };
}

const ABOUT = `
  SELECT a.pid, coalesce(a.state, 'active') AS state, coalesce(a.wait_event, '') AS wait_event,
         coalesce((extract(epoch FROM clock_timestamp() - a.state_change) * 1000)::bigint, 0) AS state_ms, COPIED AS copied
    FROM pg_stat_activity a WHERE a.pid = ANY ($1::integer[]) AND a.usename = current_user`;
/** https://www.postgresql.org/docs/current/progress-reporting.html#COPY-PROGRESS-REPORTING (14 or newer) */
const COPIED = '(SELECT bytes_processed FROM pg_stat_progress_copy p WHERE p.pid = a.pid)';

/** Codes by which a server that answers is told from one that does not. */
const UNREACHABLE = new Set(['TM1101', 'TM1102', 'TM1103', 'TM1199', 'TM1109']);

/**
 * Looks after the sessions on one server: one that owes an answer and says nothing is asked about on a session of the
 * watch's own, and its connection is broken when the server knows nothing of it; whoever uses it then begins anew.
 * Connections on which nothing runs are TCP keepalive's business.
 */
export class SessionWatch {
  readonly #connect: (signal: AbortSignal) => Promise<pg.Client>;
  readonly #times: LivenessTimes;
  readonly #signal: AbortSignal;
  readonly #lines = new Set<Line>();
  #asking: pg.Client | null = null;
  #unreachable = 0;
  #running = false;

  constructor(of: {
    readonly connect: (signal: AbortSignal) => Promise<pg.Client>;
    readonly times: LivenessTimes;
    readonly signal: AbortSignal;
  }) {
    this.#connect = of.connect;
    this.#times = of.times;
    this.#signal = of.signal;
  }

  /** From now on this session is looked after, until its connection ends. */
  add(client: pg.Client): void {
    const wire = client as unknown as Wire;
    const { stream } = wire.connection;
    const ours = () => ourSideOf(wire);
    const line = { stream, pid: wire.processID, ours, history: newHistory(ours(), performance.now()) };
    this.#lines.add(line);
    stream.once('close', () => {
      this.#lines.delete(line);
      if (this.#lines.size === 0) this.#stopAsking();
    });
    if (!this.#running) void this.#run();
  }

  /** Runs while there are sessions. */
  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#lines.size > 0 && !this.#signal.aborted) {
        await delay(this.#times.lookMs, undefined, { signal: this.#signal, ref: false });
        await this.#look();
      }
    } catch {
      // Stopped: everything is closed by those who use it.
    } finally {
      this.#running = false;
      this.#stopAsking();
    }
  }

  async #look(): Promise<void> {
    const now = performance.now();
    const silent: Line[] = [];
    for (const line of this.#lines) {
      line.history = look(line.history, line.ours(), now);
      if (isSilent(line.history, now, this.#times)) silent.push(line);
    }
    if (silent.length === 0) {
      this.#unreachable = 0;
      this.#stopAsking();
      return;
    }
    const seen = await this.#ask(silent.map(({ pid }) => pid));
    for (const line of silent) {
      const ours = line.ours();
      // It has spoken meanwhile.
      if (!this.#lines.has(line) || look(line.history, ours, now) !== line.history) continue;
      if (seen === 'unreachable') {
        if (this.#unreachable >= this.#times.unreachableLooks) this.#break(line, 'and the server can not be reached');
        continue;
      }
      if (seen === null) continue;
      const theirs = seen.get(line.pid) ?? null;
      const why = verdict(line.history, ours, theirs, this.#times);
      if (why !== null) this.#break(line, why);
      else line.history = asked(line.history, ours, theirs);
    }
  }

  #break({ stream, history }: Line, why: string): void {
    const seconds = Math.round((performance.now() - history.heardAt) / 1000);
    const message = `the connection gave no sign of life for ${seconds} s: ${why}`;
    stream.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
  }

  /** What the server has on these sessions; null when it answers, but not to that. */
  async #ask(pids: readonly number[]): Promise<ReadonlyMap<number, TheirSide> | 'unreachable' | null> {
    const patience = AbortSignal.any([this.#signal, AbortSignal.timeout(this.#times.askMs)]);
    const giveUp = () => this.#stopAsking();
    patience.addEventListener('abort', giveUp, { once: true });
    try {
      this.#asking ??= await this.#connect(patience);
      patience.throwIfAborted();
      const knows = await this.#asking.query<{ there: string }>(
        `SELECT to_regclass('pg_catalog.pg_stat_progress_copy') IS NOT NULL AS there`,
      );
      const sql = ABOUT.replace('COPIED', knows.rows[0]?.there === 't' ? COPIED : 'NULL::bigint');
      const { rows } = await this.#asking.query<Record<string, string | null>>(sql, [`{${pids.join(',')}}`]);
      this.#unreachable = 0;
      return new Map(rows.map((row) => [Number(row.pid), theirSideOf(row)]));
    } catch (error) {
      this.#stopAsking();
      this.#signal.throwIfAborted();
      if (!(patience.aborted || !(error instanceof MigrateError) || UNREACHABLE.has(error.code))) return null;
      this.#unreachable += 1;
      return 'unreachable';
    } finally {
      patience.removeEventListener('abort', giveUp);
    }
  }

  #stopAsking(): void {
    const client = this.#asking;
    this.#asking = null;
    if (!client) return;
    client.end().catch(() => {});
    client.connection.stream.destroy();
  }
}

const theirSideOf = (row: Record<string, string | null>): TheirSide => ({
  state: row.state ?? '',
  stateMs: Number(row.state_ms),
  waitEvent: row.wait_event ?? '',
  copied: row.copied === null || row.copied === undefined ? null : Number(row.copied),
});
