import type { ProviderId } from '../engine/options.ts';
import { MigrateError, toMigrateError } from '../errors/migrate-error.ts';
import { errorCode } from '../postgres/connection-errors.ts';
import type { Check, CheckContext, CheckOutcome, CheckResult, CheckRun } from './check.ts';
import { COMMON_CHECKS } from './common/checks.ts';
import { createAsk } from './fact.ts';
import { MST_CHECKS } from './mst/checks.ts';
import { PLATFORM_CHECKS } from './platforms/checks.ts';
import { RDS_CHECKS } from './rds/checks.ts';
import { POSTGRES_CHECKS } from './selfhosted/postgres.ts';
import { TIMESCALEDB_CHECKS } from './selfhosted/timescaledb.ts';

export { type DetectedProvider, detectProvider } from './detect.ts';
export { type TableWithoutIdentity, tablesWithoutIdentity } from './identity.ts';

/** Every check of every source kind. */
export const ALL_CHECKS: readonly Check[] = [
  ...PLATFORM_CHECKS,
  ...MST_CHECKS,
  ...RDS_CHECKS,
  ...POSTGRES_CHECKS,
  ...TIMESCALEDB_CHECKS,
  ...COMMON_CHECKS,
];

/** The checks of one source kind, in order. */
export const checksFor = (provider: ProviderId): Check[] =>
  ALL_CHECKS.filter((check) => check.providers === undefined || check.providers.includes(provider));

/**
 * Runs all checks of the context's source kind one after the other (they share two connections) and gives each result
 * as it comes. A check that throws is a failed one. Throws only TM9002 when the signal aborts, and TM1109 when one of the two
 * sessions is lost: then nothing is known any more.
 */
export async function runChecks(
  context: CheckContext | CheckRun,
  onResult: (result: CheckResult) => void,
  checks: readonly Check[] = checksFor(context.provider),
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  const run: CheckRun = 'ask' in context ? context : { ...context, ask: createAsk(context) };
  for (const check of checks) {
    const result = await runCheck(check, run);
    if (context.signal.aborted) {
      throw new MigrateError('TM9002', { message: 'the checks were interrupted', cause: context.signal.reason });
    }
    if (result.status === 'fail') await requireSessions(context);
    results.push(result);
    onResult(result);
  }
  return results;
}

/** Rejects with TM1109 when a server does not answer any more: what was not found out lies neither in it nor in its settings. */
async function requireSessions({ source, target }: CheckContext): Promise<void> {
  for (const [side, client] of [['source', source] as const, ['target', target] as const]) {
    await client.query('SELECT 1').catch((cause: unknown) => {
      throw new MigrateError('TM1109', {
        side,
        message: `the ${side} went away while it was being checked: ${toMigrateError(cause).message}`,
        hint: 'Nothing was changed. Once it answers again, run the same again.',
        cause,
      });
    });
  }
}

const INSUFFICIENT_PRIVILEGE = '42501';
const REFUSED = 'The check “Functions and views of the server” names the GRANT for what is refused here.';

/** Runs one check; never throws. On its own it asks for its facts itself. */
export async function runCheck(check: Check, context: CheckContext | CheckRun): Promise<CheckResult> {
  const run: CheckRun = 'ask' in context ? context : { ...context, ask: createAsk(context) };
  const { id, side, title, wanted, why } = check;
  let outcome: CheckOutcome;
  try {
    outcome = await check.run(run);
  } catch (thrown) {
    const error = toMigrateError(thrown);
    const refused = errorCode(thrown) === INSUFFICIENT_PRIVILEGE;
    const own = error.code !== 'TM9001';
    outcome = {
      status: 'fail',
      found: `could not be found out: ${error.message}`,
      code: own ? error.code : refused ? 'TM1212' : 'TM1201',
      ...(own ? { fix: error.hint } : refused ? { fix: REFUSED } : {}),
    };
  }
  return {
    id,
    side,
    title,
    status: outcome.status,
    found: outcome.found,
    wanted,
    why,
    fix: outcome.fix ?? check.fix,
    code: outcome.status === 'fail' ? (outcome.code ?? 'TM1201') : null,
    apply: outcome.apply ?? null,
    restart: outcome.restart ?? (outcome.apply?.restart ? outcome.apply.side : null),
  };
}

/** The error that a command ends with when a check failed: the first one's own code, saying how many more there are. */
export function firstFailure(results: readonly CheckResult[]): MigrateError | null {
  const failed = results.filter(({ status }) => status === 'fail');
  const [first] = failed;
  if (first === undefined) return null;
  const more =
    failed.length > 1
      ? ` (and ${failed.length - 1} more failed: ${failed
          .slice(1)
          .map(({ id }) => id)
          .join(', ')})`
      : '';
  return new MigrateError(first.code ?? 'TM1201', {
    side: first.side,
    object: first.id,
    message: `${first.title}: ${first.found}; wanted: ${first.wanted}${more}`,
    hint: first.fix,
  });
}
