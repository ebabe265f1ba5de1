import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '../errors/codes.ts';
import { MigrateError, type Side } from '../errors/migrate-error.ts';
import { ERROR_RULES, type ErrorRule, ruleFor } from './error-rules.ts';
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

const CONNECTION_GONE =
  /Connection terminated|not queryable|connection was closed|Client was closed|socket hang up|ERR_STREAM/i;

/** The rule by which an error is met; undefined where only an end with the error is left. */
export function ruleOf(error: unknown, rules: readonly ErrorRule[] = ERROR_RULES): ErrorRule | undefined {
  if (error instanceof MigrateError) {
    const state = sqlState(error.cause);
    // Where more heals than elsewhere, that is told by what the server said.
    return ruleFor(error.code, rules) ?? (state !== null && rules !== ERROR_RULES ? ruleFor(state, rules) : undefined);
  }
  const state = sqlState(error);
  if (state !== null) return ruleFor(state, rules);
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const gone = CONNECTION_GONE.test(error.message) || CONNECTION_GONE.test(code);
  return ruleFor(gone ? 'ECONNRESET' : code, rules);
}

/** True for what another try, later, may get over. */
export const mayHeal = (error: unknown): boolean => ruleOf(error) !== undefined;

/** Of an error that may heal: whether by time alone. */
export const policyOf = (error: unknown): 'retry' | 'operator' => ruleOf(error)?.policy ?? 'retry';

/** A server's or network's error as one of ours: the rule's code or `retryCode` when it may heal, else `code`. */
export function explain(
  error: unknown,
  as: { code: ErrorCode; retryCode: ErrorCode; side: Side | undefined; object?: string; doing: string; hint?: string },
  rules: readonly ErrorRule[] = ERROR_RULES,
): MigrateError {
  if (error instanceof MigrateError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const detail = error instanceof Error && 'detail' in error && error.detail ? ` (${String(error.detail)})` : '';
  const rule = ruleOf(error, rules);
  return new MigrateError(rule ? (rule.code ?? as.retryCode) : as.code, {
    side: rule?.side ?? as.side,
    object: as.object,
    message: `${as.doing}: ${message}${detail}`,
    hint: rule ? rule.hint : as.hint,
    cause: error,
  });
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const WAITS = 'The migration waits and goes on by itself.';
/** Somebody acts at some time: then it shall not take long. */
const OPERATOR_WAIT_MS = 5_000;

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
  of: {
    what: string;
    side: Side | undefined;
    emit: Emit;
    signal: AbortSignal;
    rules?: readonly ErrorRule[];
    /** Finds out what exactly is to be done, instead of what the rule says; null where it can't tell. */
    remedy?: (error: unknown) => Promise<string | null>;
  },
): Promise<T> {
  const { rules = ERROR_RULES, remedy = async () => null } = of;
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
      const rule = ruleOf(error, rules);
      if (of.signal.aborted || !rule) throw error;
      failures += 1;
      const wait = rule.policy === 'operator' ? OPERATOR_WAIT_MS : backoffMs(failures);
      const as = { code: 'TM1109', retryCode: 'TM1109', side: of.side, doing: of.what } as const;
      const report = explain(error, as, rules).report();
      // What was to be done at the end of the engine is not what is to be done while it waits.
      const exact = rule.policy === 'operator' ? await remedy(error).catch(() => null) : null;
      const hint = exact === null ? rule.hint : `${exact}\n${WAITS}`;
      const told = rule.policy === 'operator' ? { ...report, code: rule.code ?? report.code, hint } : report;
      troubled = true;
      of.emit({ type: 'retry', what: of.what, policy: rule.policy, error: told, retry_ms: wait });
      await delay(wait, undefined, { signal: of.signal });
    }
  }
}
