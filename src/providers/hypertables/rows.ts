import type pg from 'pg';
import type { MigrationOptions } from '../../engine/options.ts';
import { type HypertableOption, hypertableFor } from '../../engine/timescale/hypertable-option.ts';
import { readIncompatible } from '../../engine/timescale/incompatible-objects.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { older, timescaledb } from '../facts/timescaledb.ts';
import { readProposals } from './candidates.ts';
import { type Obstacle, obstacleOfObject, obstaclesOfTable } from './obstacles.ts';
import type { Proposal } from './propose.ts';
import { readTableFacts } from './table-facts.ts';

/** A plain table that may become a hypertable. */
export interface HypertableRow {
  readonly relation: string;
  /** As it was chosen, else as we propose it. */
  readonly option: HypertableOption;
  readonly chosen: boolean;
  readonly recommended: boolean;
  readonly why: string;
  /** Times that lead an index. */
  readonly columns: readonly string[];
  readonly bytes: number;
  readonly rows: number;
  readonly obstacles: readonly Obstacle[];
}

/** Everything that stands between these tables and the hypertables that they are to be. `installed`: the target's TimescaleDB. */
export async function readObstacles(
  source: pg.Client,
  {
    hypertables,
    skipHypertableIncompatibleObjects: skip,
  }: Pick<MigrationOptions, 'hypertables' | 'skipHypertableIncompatibleObjects'>,
  installed: string | null,
): Promise<Obstacle[]> {
  const facts = await readTableFacts(source, hypertables);
  const noForeignKeys = installed !== null && older(installed, '2.16');
  const objects = await readIncompatible(source, hypertables, noForeignKeys);
  return facts.flatMap((one) => [
    ...obstaclesOfTable(one),
    ...objects
      .filter(({ schema, table }) => schema === one.wanted.schema && table === one.wanted.name)
      .map((object) => obstacleOfObject(object, one, skip)),
  ]);
}

/** The tables that we propose, and those that were chosen, with what hinders each. */
export async function readHypertableRows(
  source: pg.Client,
  target: pg.Client,
  options: MigrationOptions,
): Promise<HypertableRow[]> {
  const { installed } = await timescaledb.read(target, (fact) =>
    fact.read(target, () => Promise.reject(new Error('no other fact'))),
  );
  const proposals = await readProposals(source, target);
  const among = (one: { schema: string; name: string }) =>
    proposals.some(({ schema, name }) => schema === one.schema && name === one.name);
  const others = options.hypertables.filter((one) => !among(one));
  const ofChosen = await readObstacles(source, options, installed);
  const rows: HypertableRow[] = [];
  for (const one of [...others.map(unknown), ...proposals]) {
    const wanted = hypertableFor(options.hypertables, one);
    const option = wanted ?? optionOf(one);
    const relation = displayName(one);
    const obstacles = wanted
      ? ofChosen.filter((obstacle) => obstacle.relation === relation)
      : await readObstacles(source, { ...options, hypertables: [option] }, installed);
    const { recommended, why, columns, bytes, rows: count } = one;
    rows.push({
      relation,
      option,
      chosen: wanted !== undefined,
      recommended,
      why,
      columns,
      bytes,
      rows: count,
      obstacles,
    });
  }
  return rows;
}

const optionOf = ({ schema, name, column, interval }: Proposal): HypertableOption => ({
  schema,
  name,
  column,
  interval,
  hash: null,
});

/** One that the operator has named by himself. */
const unknown = ({ schema, name, column, interval }: HypertableOption): Proposal => ({
  schema,
  name,
  column,
  interval: interval ?? '7 days',
  columns: [],
  bytes: 0,
  rows: 0,
  inserted: 0,
  changed: 0,
  seconds: null,
  recommended: false,
  why: 'named by you',
});
