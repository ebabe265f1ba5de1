import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '../errors/codes.ts';
import { MigrateError, type Side } from '../errors/migrate-error.ts';
import type { Emit } from './events.ts';

/** What node-postgres attaches to an error of the server. https://www.postgresql.org/docs/current/protocol-error-fields.html */
export interface ServerError extends Error {
  readonly code: string;
  readonly detail?: string;
  readonly table?: string;
  readonly schema?: string;
  readonly constraint?: string;
  readonly where?: string;
}

/** The SQLSTATE of a server's error, else null. The system's own codes of five letters, like EPIPE, are none. */
export const sqlState = (error: unknown): string | null =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  /^(?!E[A-Z]{4}$)[0-9A-Z]{5}$/.test(error.code)
    ? error.code
    : null;

const NETWORK = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
]);
const CONNECTION_GONE =
  /Connection terminated|not queryable|connection was closed|Client was closed|socket hang up|ERR_STREAM/i;

/**
 * SQLSTATEs that time may heal: the connection, also when a timeout of the server has ended it, a server that restarts,
 * too many connections, deadlock, serialization, lock timeout, a read-only target while it is resized, a full disk that
 * grows.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const HEALING = /^(08...|57P0[1-5]|25P0[34]|53300|53100|53200|40001|40P01|55P03|25006|57014)$/;

/** A server that worked a moment ago and can't be reached now: it restarts, fails over, or the network is down. */
const UNREACHABLE: ReadonlySet<ErrorCode> = new Set(['TM1101', 'TM1102', 'TM1103', 'TM1199']);

/** True for what another try, later, may get over. */
export function mayHeal(error: unknown): boolean {
  if (error instanceof MigrateError) return error.kind.policy === 'retry' || UNREACHABLE.has(error.code);
  const state = sqlState(error);
  if (state !== null) return HEALING.test(state);
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return NETWORK.has(code) || CONNECTION_GONE.test(error.message) || CONNECTION_GONE.test(code);
}

/** SQLSTATEs of `HEALING` that somebody must see to: a full disk, a server that takes no writes. */
const OF_OPERATORS = /^(53100|25006)$/;

/** Of an error that may heal: whether by time alone. */
export const policyOf = (error: unknown): 'retry' | 'operator' =>
  OF_OPERATORS.test(sqlState(error) ?? '') ? 'operator' : 'retry';

/** A server's or network's error as one of ours: `retryCode` when it may heal, else `code`. */
export function explain(
  error: unknown,
  as: { code: ErrorCode; retryCode: ErrorCode; side: Side; object?: string; doing: string; hint?: string },
): MigrateError {
  if (error instanceof MigrateError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const detail = error instanceof Error && 'detail' in error && error.detail ? ` (${String(error.detail)})` : '';
  const healing = mayHeal(error);
  return new MigrateError(healing ? as.retryCode : as.code, {
    side: as.side,
    object: as.object,
    message: `${as.doing}: ${message}${detail}`,
    hint: healing ? undefined : as.hint,
    cause: error,
  });
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/** Milliseconds to wait before try number `attempt` (from 1): doubling, with a tenth of jitter, 30 s at the most. */
export const backoffMs = (attempt: number, random: () => number = Math.random): number =>
  Math.round(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 10)) * (0.9 + 0.2 * random()));

/**
 * Runs `attempt` again for as long as it fails with something that may heal, and says so: `retry`, then `healed`. `attempt`
 * gets a function to call when it got going, which starts the count anew. Rejects with what does not heal, or when the
 * signal aborts.
 */
export async function untilHealed<T>(
  attempt: (healthy: () => void) => Promise<T>,
  of: { what: string; side: Side; emit: Emit; signal: AbortSignal },
): Promise<T> {
  let failures = 0;
  let troubled = false;
  const healed = () => {
    failures = 0;
    if (troubled) of.emit({ type: 'healed', what: of.what });
    troubled = false;
  };
  for (;;) {
    try {
      const result = await attempt(healed);
      healed();
      return result;
    } catch (error) {
      if (of.signal.aborted || !mayHeal(error)) throw error;
      failures += 1;
      const wait = backoffMs(failures);
      const report = explain(error, { code: 'TM1109', retryCode: 'TM1109', side: of.side, doing: of.what });
      troubled = true;
      of.emit({ type: 'retry', what: of.what, policy: policyOf(error), error: report.report(), retry_ms: wait });
      await delay(wait, undefined, { signal: of.signal });
    }
  }
}
