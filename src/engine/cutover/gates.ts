import type { EventPayload, ReplayReport } from '../events.ts';
import { replayNow, verdictOf } from '../replay/verdict.ts';
import { GOING_ON, lagIsKnown, stopsReplay, type Trouble } from '../troubles.ts';

type Gate = Omit<Extract<EventPayload, { type: 'gate' }>, 'type'>;

export interface GateInput {
  readonly tablesTotal: number;
  readonly tablesLive: number;
  /** Tables whose rows are there, also while replay has not come to their copy. Absent: those that are live. */
  readonly tablesCopied?: number;
  /** Names of tables that do not follow the source any more. */
  readonly damaged: readonly string[];
  /** Tables of the source that are others than on the target, so that rows or columns would be lost. */
  readonly schemaOpen: readonly string[];
  readonly indexesOpen: number;
  /** Continuous aggregates that have no rows yet; null where there are none. */
  readonly aggregatesOpen?: readonly string[] | null;
  readonly replay: ReplayReport;
  /** Since when replay has been caught up without a break, in ms; null when it is not. */
  readonly caughtUpForMs: number | null;
  /** What fails at this moment and is tried again. */
  readonly troubles: readonly Pick<Trouble, 'what'>[];
  /** Sessions of others with an open transaction that has written. */
  readonly writers: number;
  /** For how long no row change has come from the source, in ms; null when that is not known. */
  readonly quietForMs: number | null;
  /** For how long there have been no such sessions, in ms. Absent: nobody has seen any. */
  readonly writersGoneForMs?: number;
}

/** Long enough that "caught up" is a state and not a moment. */
export const CAUGHT_UP_FOR_MS = 5000;

/** As long as this without a row change, and the application counts as stopped. */
export const QUIET_FOR_MS = 3000;

/** The conditions of a cut-over. Pure. */
export function gatesOf(given: GateInput): Gate[] {
  const replay = replayNow(given.replay, given.troubles);
  // What is written while replay stands still, or is behind, has not shown yet.
  const input = replay.caught_up ? given : { ...given, caughtUpForMs: null, quietForMs: null };
  return [
    {
      id: 'copied',
      title: 'every table is copied and indexed',
      ok: input.tablesLive === input.tablesTotal && input.indexesOpen === 0,
      detail: copied(input),
    },
    {
      id: 'caught-up',
      title: `caught up for ${CAUGHT_UP_FOR_MS / 1000} seconds`,
      ok: input.caughtUpForMs !== null && input.caughtUpForMs >= CAUGHT_UP_FOR_MS,
      detail: howFar(replay, input.caughtUpForMs),
    },
    {
      id: 'healthy',
      title: 'nothing failed or is being tried again',
      ok: input.troubles.length === 0,
      detail: input.troubles.map(({ what }) => what).join('; '),
    },
    {
      id: 'damaged',
      title: 'no table is damaged',
      ok: input.damaged.length === 0,
      detail:
        input.damaged.length === 0
          ? ''
          : `${nameSome(input.damaged)}: copy again first (s in the wizard, or migrate --resync)`,
    },
    {
      id: 'schema',
      title: "the target's tables follow the source's",
      ok: input.schemaOpen.length === 0,
      detail:
        input.schemaOpen.length === 0
          ? ''
          : `${nameSome(input.schemaOpen)}: D in the wizard, or status, says what to run`,
    },
    ...aggregatesGate(input.aggregatesOpen ?? null),
    {
      id: 'writers',
      title: 'nobody writes on the source',
      ok: writing(input) === '',
      detail: writing(input),
    },
  ];
}

function howFar(replay: ReplayReport, caughtUpForMs: number | null): string {
  const verdict = verdictOf(replay);
  switch (verdict) {
    case 'caught-up':
      return `for ${Math.round((caughtUpForMs ?? 0) / 1000)} s`;
    case 'catching-up':
    case 'falling-behind':
      return `${replay.lag_bytes} bytes behind`;
    case 'measuring':
      return 'the lag is being measured';
    case 'interrupted':
      return NOT_KNOWN;
    case 'unknown':
      return NOT_KNOWN;
    default:
      return verdict satisfies never;
  }
}

const NOT_KNOWN = 'not known while replay is interrupted';
/** Conditions that a trouble of replay makes unknown. */
const UPON_REPLAY = new Set(['caught-up', 'writers', 'healthy']);

/** The conditions that were looked at before, as they hold while these troubles stand. Pure. */
export function gatesNow<G extends Gate>(gates: readonly G[], troubles: readonly Trouble[]): G[] {
  if (troubles.some(({ what }) => what === GOING_ON)) return [];
  if (lagIsKnown(troubles) && !troubles.some(stopsReplay)) return [...gates];
  return gates.map((gate) => (gate.ok && UPON_REPLAY.has(gate.id) ? { ...gate, ok: false, detail: NOT_KNOWN } : gate));
}

function copied({ tablesTotal, tablesLive, tablesCopied = tablesLive, indexesOpen }: GateInput): string {
  const rest = tablesLive < tablesCopied ? '; replay has not come to their copy yet' : '';
  return `${tablesCopied} of ${tablesTotal} tables, ${indexesOpen} indexes to build${rest}`;
}

const aggregatesGate = (open: readonly string[] | null): Gate[] =>
  open === null
    ? []
    : [
        {
          id: 'aggregates',
          title: 'every continuous aggregate is filled',
          ok: open.length === 0,
          detail: open.length === 0 ? '' : `${nameSome(open)}: filled while replay goes on`,
        },
      ];

const nameSome = (names: readonly string[]): string =>
  names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;

/** In words that stay the same while short transactions come and go: how many are open just now says nothing. */
function writing({ quietForMs, writers, writersGoneForMs = Number.POSITIVE_INFINITY }: GateInput): string {
  const remedy = 'stop the application, or freeze the source';
  if (quietForMs !== null && quietForMs < QUIET_FOR_MS) return `changes still arrive: ${remedy}`;
  if (writers > 0 || writersGoneForMs < QUIET_FOR_MS) return `transactions that have written are open: ${remedy}`;
  return quietForMs === null ? 'known once replay has caught up; or freeze the source' : '';
}

/** The conditions that keep a cut-over from starting. Freezing the source makes writers harmless: it ends them. */
export const lockingGates = <G extends { readonly id: string; readonly ok: boolean }>(
  gates: readonly G[],
  freezeSource: boolean,
): G[] => gates.filter((gate) => !gate.ok && !(freezeSource && gate.id === 'writers'));

/** Those that no reason overrides: a cut-over would be a success with missing rows. */
export const unliftable = <G extends { readonly id: string; readonly ok: boolean }>(gates: readonly G[]): G[] =>
  gates.filter((gate) => !gate.ok && gate.id === 'damaged');

/** The conditions that keep a cut-over from starting, with what its request says. */
export const standingInTheWay = <G extends { readonly id: string; readonly ok: boolean }>(
  gates: readonly G[],
  request: { readonly freezeSource: boolean; readonly override: string | null },
): G[] => (request.override === null ? lockingGates(gates, request.freezeSource) : unliftable(gates));
