import { MigrateError } from '../../errors/migrate-error.ts';
import type { Phase } from '../events.ts';
import type { Progress } from '../progress.ts';
import { AUTOMATIC_CUTOVER, type Trouble } from '../troubles.ts';
import { COMMAND_REMEDIES, gateRemedy } from './gate-remedy.ts';
import { standingInTheWay } from './gates.ts';

type Gate = Progress['gates'][number];
type Request = Parameters<typeof standingInTheWay>[1];

/** Conditions that come to hold without anybody's doing. A condition that is not named here needs somebody to act. */
const TIME_HEALS = new Set(['copied', 'caught-up', 'healthy', 'aggregates', 'writers']);
const BEFORE_REPLAY = new Set<Phase>(['checks', 'snapshot', 'schema', 'copy']);

/** Whether a cut-over can begin now, after some time, or only after somebody has acted. */
export type CutoverOutlook =
  | { readonly state: 'open' }
  /** `why`: what is waited for, as sentences. */
  | {
      readonly state: 'wait';
      readonly ids: readonly string[];
      readonly why: readonly string[];
      readonly error: MigrateError;
    }
  | { readonly state: 'refuse'; readonly error: MigrateError };

/** The outlook of a cut-over as it is asked for. Pure. */
export function outlookOf(
  { phase, gates, troubles }: Pick<Progress, 'phase' | 'gates' | 'troubles'>,
  request: Request,
): CutoverOutlook {
  if (BEFORE_REPLAY.has(phase)) return wait([phase], [`the migration is in phase ${phase}`]);
  if (phase !== 'replay') return { state: 'refuse', error: locked(`the migration is in phase ${phase}`) };
  const standing = standingInTheWay(gates, request);
  const stuck = standing.filter((gate) => !TIME_HEALS.has(gate.id));
  const [trouble] = troubles.filter(waitsForOperator);
  if (stuck.length > 0 || (trouble && request.override === null)) {
    return { state: 'refuse', error: lockedBy(standing, stuck.length === 0 ? trouble : undefined) };
  }
  if (gates.length === 0) return wait(['gates'], ['the conditions are looked at first']);
  if (standing.length === 0) return { state: 'open' };
  return wait(
    standing.map(({ id }) => id),
    standing.map(sentenceOf),
    standing,
  );
}

const wait = (ids: readonly string[], why: readonly string[], gates: readonly Gate[] = []): CutoverOutlook => ({
  state: 'wait',
  ids,
  why,
  error: gates.length > 0 ? lockedBy(gates) : locked(why.join('; ')),
});

const waitsForOperator = ({ policy, what }: Trouble): boolean => policy === 'operator' && what !== AUTOMATIC_CUTOVER;

const sentenceOf = ({ title, detail }: Gate): string => (detail === '' ? title : `${title} (${detail})`);

/** TM6002 with every condition that does not hold, and with the remedy that the operator can apply first. */
export function lockedBy(gates: readonly Gate[], trouble?: Trouble): MigrateError {
  const why = gates.length > 0 ? gates.map(sentenceOf).join('; ') : `${trouble?.what}: ${trouble?.message}`;
  return locked(why, trouble?.hint ?? remedyFor(gates));
}

function remedyFor(gates: readonly Gate[]): string {
  if (gates.some(({ id }) => id === 'damaged'))
    return 'Copy the damaged tables again: s in the wizard, or migrate --resync.';
  const waits = gates.some(({ id }) => TIME_HEALS.has(id)) ? '--wait 10m waits longer; ' : '';
  return `${gateRemedy(gates, COMMAND_REMEDIES)} (${waits}status shows the conditions)`;
}

const locked = (why: string, hint = 'Wait until it replays (--wait 10m); status shows the phase.'): MigrateError =>
  new MigrateError('TM6002', { side: 'local', message: `the cut-over is locked: ${why}`, hint });
