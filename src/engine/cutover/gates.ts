import type { EventPayload, ReplayReport } from '../events.ts';

type Gate = Omit<Extract<EventPayload, { type: 'gate' }>, 'type'>;

export interface GateInput {
  readonly tablesTotal: number;
  readonly tablesLive: number;
  readonly indexesOpen: number;
  readonly replay: ReplayReport;
  /** Since when replay has been caught up without a break, in ms; null when it is not. */
  readonly caughtUpForMs: number | null;
  readonly retrying: string | null;
  readonly writers: number;
}

/** Long enough that "caught up" is a state and not a moment. */
export const CAUGHT_UP_FOR_MS = 5000;

/** The conditions of a cut-over; all but the advisory `writers` lock it. Pure. */
export function gatesOf(input: GateInput): Gate[] {
  const { replay } = input;
  return [
    {
      id: 'copied',
      title: 'every table is copied and indexed',
      ok: input.tablesLive === input.tablesTotal && input.indexesOpen === 0,
      detail: `${input.tablesLive} of ${input.tablesTotal} tables, ${input.indexesOpen} indexes to build`,
    },
    {
      id: 'caught-up',
      title: `caught up for ${CAUGHT_UP_FOR_MS / 1000} seconds`,
      ok: input.caughtUpForMs !== null && input.caughtUpForMs >= CAUGHT_UP_FOR_MS,
      detail: replay.caught_up
        ? `for ${Math.round((input.caughtUpForMs ?? 0) / 1000)} s`
        : `${replay.lag_bytes} bytes behind`,
    },
    {
      id: 'healthy',
      title: 'nothing failed or is being tried again',
      ok: input.retrying === null,
      detail: input.retrying ?? '',
    },
    {
      id: 'writers',
      title: 'no other session writes on the source',
      ok: input.writers === 0,
      detail:
        input.writers === 0 ? '' : `${input.writers} open transactions: stop the application, or freeze the source`,
    },
  ];
}

/** Conditions that keep a cut-over from starting; the rest only warns. */
export const LOCKING_GATES: ReadonlySet<string> = new Set(['copied', 'caught-up', 'healthy']);
