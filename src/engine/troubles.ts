import { z } from 'zod';
import { type Emit, type EngineEvent, type EventPayload, errorReportSchema } from './events.ts';

/** Something that fails at this moment and is tried again by the engine itself. */
export const troubleSchema = z.object({
  /** What is tried again; one trouble each. */
  what: z.string(),
  /** `retry`: time heals it. `operator`: somebody must act first; the engine goes on by itself afterwards. */
  policy: z.enum(['retry', 'operator']),
  since: z.iso.datetime(),
  ...errorReportSchema.shape,
});
export type Trouble = z.infer<typeof troubleSchema>;

/** What went wrong and where: `TM1102 target, 10.0.0.7:5432: connect ECONNREFUSED`. Without what is tried again. */
export function troubleReason({
  what,
  code,
  side,
  object,
  message,
}: Omit<Trouble, 'policy' | 'since' | 'hint'>): string {
  const where = [side, object].filter(Boolean).join(', ');
  const text = message.startsWith(`${what}: `) ? message.slice(what.length + 2) : message;
  return `${code} ${where === '' ? '' : `${where}: `}${text}`;
}

/** The whole migration begins again from what is done. */
export const GOING_ON = 'going on with the migration';
/** The look at the source by which the lag is known. */
export const WATCHING = 'watching the source';

export const RECEIVING = 'receiving changes from the source';
export const APPLYING = 'applying changes to the target';
/** Replay waits for the operator to alter the target. */
export const WAITING_FOR_SCHEMA = 'the schema on the target';

/** It failed and is not tried again by itself; a cut-over that somebody asks for is. */
export const AUTOMATIC_CUTOVER = 'the automatic cut-over';

type What = Pick<Trouble, 'what'>;

/** Whether the lag is measured meanwhile. */
export const lagIsKnown = (troubles: readonly What[]): boolean =>
  troubles.every(({ what }) => what !== GOING_ON && what !== WATCHING);

/** Whether nothing of the source arrives, or is applied, while this stands. */
export const stopsReplay = ({ what }: What): boolean =>
  what === RECEIVING || what === APPLYING || what === WAITING_FOR_SCHEMA;

/** The troubles after one more event; the oldest first. Pure. */
export function foldTroubles(troubles: readonly Trouble[], event: EngineEvent): Trouble[] {
  switch (event.type) {
    case 'retry': {
      const { what, policy, error } = event;
      const standing = troubles.find((trouble) => trouble.what === what);
      const now = { what, policy, since: standing?.since ?? event.time, ...error };
      // What ran before has ended, and with it what it tried again.
      if (what === GOING_ON) return [now];
      return standing ? troubles.map((trouble) => (trouble === standing ? now : trouble)) : [...troubles, now];
    }
    case 'healed':
      return troubles.filter((trouble) => trouble.what !== event.what);
    default:
      return [...troubles];
  }
}

/** Passes events on and keeps in mind which troubles stand: a cut-over waits for none. */
export class TroubleWatch {
  #troubles: Trouble[] = [];
  readonly #emit: Emit;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  get standing(): readonly Trouble[] {
    return this.#troubles;
  }

  /** Says that one does not stand any more, or none; if it did. */
  healed(what?: string): void {
    for (const trouble of this.#troubles) {
      if (what === undefined || trouble.what === what) this.emit({ type: 'healed', what: trouble.what });
    }
  }

  readonly emit = (event: EventPayload): void => {
    if (event.type === 'retry' || event.type === 'healed') {
      this.#troubles = foldTroubles(this.#troubles, { ...event, time: new Date().toISOString() });
    }
    this.#emit(event);
  };
}
