import type { Phase } from '../../src/engine/events.ts';
import { FAULTS, type FaultName, type PlannedFault } from './faults.ts';
import { chanceOf } from './generator/chance.ts';
import { makeSchema, type Schema } from './generator/schema.ts';
import { SessionGenerator } from './generator/session.ts';

/** How much of everything a round may have. */
export interface Size {
  readonly tables: readonly [number, number];
  readonly writers: readonly [number, number];
  readonly faults: readonly [number, number];
  /** Rows that every table begins with. */
  readonly rows: readonly [number, number];
  /** Of the biggest statement. */
  readonly big: number;
  /** Transactions a second. */
  readonly rate: number;
  /** Transactions in replay before the cut-over. */
  readonly replay: readonly [number, number];
}

export const FULL: Size = {
  tables: [3, 25],
  writers: [2, 6],
  faults: [1, 7],
  rows: [20, 4000],
  big: 50_000,
  rate: 120,
  replay: [200, 900],
};

export const SMALL: Size = {
  tables: [5, 7],
  writers: [2, 2],
  faults: [2, 2],
  rows: [50, 100],
  big: 2000,
  rate: 120,
  replay: [80, 80],
};

/** All that a round does, from its seed alone. */
export interface RoundPlan {
  readonly seed: number;
  readonly schema: Schema;
  readonly sessions: readonly SessionGenerator[];
  readonly rows: number;
  readonly rate: number;
  /** Of `migrate`. */
  readonly args: readonly string[];
  readonly replicaRole: boolean;
  /** The source is made read-only under the writers; else they stop before. */
  readonly freeze: boolean;
  readonly request: 'command' | 'signal' | 'auto';
  readonly faults: readonly PlannedFault[];
  readonly replayFor: number;
}

const PHASES_OF_FAULTS: Readonly<Partial<Record<Phase, number>>> = {
  snapshot: 1,
  schema: 1,
  copy: 4,
  replay: 7,
  cutover: 2,
};
const ORDER: readonly Phase[] = ['snapshot', 'schema', 'copy', 'replay', 'cutover'];

export function planRound(seed: number, size: Size, oneWriter: boolean): RoundPlan {
  const chance = chanceOf(seed, 'round');
  const within = ([low, high]: readonly [number, number]) => chance.between(low, high);
  const plugin = chance.weighted({ pgoutput: 3, test_decoding: 2, wal2json: 1 });
  const count = within(size.tables);
  const schema = makeSchema(chanceOf(seed, 'schema'), { count, withoutNaN: plugin === 'wal2json' });
  const writers = oneWriter ? 1 : within(size.writers);
  const rows = within(size.rows);
  const freeze = chance.percent(60);
  const request = chance.weighted({ command: 4, signal: 3, auto: 1 });
  const args = [
    '--plugin',
    plugin,
    '--table-jobs',
    String(chance.between(1, 4)),
    '--index-jobs',
    String(chance.between(1, 3)),
    ...(chance.percent(50) ? ['--split-tables-larger-than', chance.oneOf(['64kB', '256kB', '1MB'])] : []),
    ...(request !== 'command' && freeze ? ['--freeze-source'] : []),
    ...(request === 'auto' ? ['--cutover', 'auto'] : []),
  ];
  const faults = Array.from({ length: within(size.faults) }, (): PlannedFault => {
    const phase = chance.weighted(PHASES_OF_FAULTS as Record<Phase, number>);
    return {
      name: chance.oneOf(Object.keys(FAULTS) as FaultName[]),
      phase,
      after: phase === 'replay' ? chance.between(0, 150) : phase === 'cutover' ? 0 : chance.between(0, 15),
      number: chance.between(0, 1_000_000),
    };
  });
  faults.sort((a, b) => ORDER.indexOf(a.phase) - ORDER.indexOf(b.phase));
  return {
    seed,
    schema,
    sessions: Array.from(
      { length: writers },
      (_, session) =>
        new SessionGenerator({
          schema,
          chance: chanceOf(seed, `session ${session}`),
          session,
          sessions: writers,
          rows,
          big: size.big,
        }),
    ),
    rows,
    rate: size.rate,
    args,
    replicaRole: chance.percent(75),
    freeze,
    request,
    faults,
    replayFor: within(size.replay),
  };
}
