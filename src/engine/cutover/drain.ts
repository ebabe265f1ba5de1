import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import type { SchemaMisfit } from '../ddl/misfit.ts';
import type { Replay } from '../replay/replay.ts';
import { emitHeartbeat } from '../source/heartbeat.ts';
import { AUTOMATIC_CUTOVER, type Trouble, type TroubleWatch } from '../troubles.ts';

export interface DrainOptions {
  readonly source: pg.Client;
  readonly replay: Replay;
  readonly troubles: TroubleWatch;
  readonly signal: AbortSignal;
}

const DRAIN_REPEAT_MS = 10_000;
const HELD_LOOK_MS = 500;

/**
 * Writes a marker behind everything that is committed on the source, and waits until it has been applied, for no longer
 * than `patienceMs`. Gives the row changes applied until then.
 */
export async function drain(of: DrainOptions, patienceMs: number | null): Promise<number> {
  const { source, replay, troubles, signal } = of;
  const id = randomUUID();
  const waiting = new AbortController();
  const stop = () => waiting.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  const held = setInterval(() => {
    const trouble = troubles.standing.find(({ policy, what }) => policy === 'operator' && what !== AUTOMATIC_CUTOVER);
    if (replay.held) waiting.abort(waitsForSchema(replay.held));
    else if (trouble) waiting.abort(waitsForOperator(trouble));
  }, HELD_LOOK_MS);
  const patience = patienceMs === null ? undefined : setTimeout(stop, patienceMs);
  const applied = replay.whenApplied(id, signal.aborted ? signal : waiting.signal);
  // Should the applier have committed the marker on a connection that broke at this moment, it never tells: ask again.
  const again = setInterval(() => void emitHeartbeat(source, id).catch(() => {}), DRAIN_REPEAT_MS);
  try {
    const [changes] = await Promise.all([applied, emitHeartbeat(source, id)]);
    return changes;
  } finally {
    clearInterval(again);
    clearInterval(held);
    clearTimeout(patience);
    signal.removeEventListener('abort', stop);
    waiting.abort();
  }
}

/** What is behind a table that does not fit can't be applied now: the source must not wait for the operator, read-only. */
const waitsForSchema = ({ message, object, hint }: SchemaMisfit): MigrateError =>
  new MigrateError('TM6002', {
    side: 'target',
    object,
    message: `replay waits for the schema on the target: ${message}`,
    hint: `${hint}\nThen cut over again.`,
  });

/** Nobody knows how long a full disk, or a target that takes no writes, lasts. */
const waitsForOperator = ({ code, side, object, message, hint }: Trouble): MigrateError =>
  new MigrateError(code, { side, object, message, hint: `${hint}\nThen cut over again.` });
