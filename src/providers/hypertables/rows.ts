import type pg from 'pg';
import type { MigrationOptions } from '../../engine/options.ts';
import { type HypertableOption, hypertableFor } from '../../engine/timescale/hypertable-option.ts';
import { readIncompatible } from '../../engine/timescale/incompatible-objects.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { older, timescaledb } from '../facts/timescaledb.ts';
import type { TableWithoutIdentity } from '../identity/table.ts';
import { readProposals } from './candidates.ts';
import { type Obstacle, obstacleOfObject, obstaclesOfTable } from './obstacles.ts';
import type { Proposal } from './propose.ts';
import { readRemedies } from './remedies.ts';
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
  /** How its chunks may be compressed on the target from the cut-over on. */
  readonly compress: NonNullable<HypertableOption['compress']>;
  readonly obstacles: readonly Obstacle[];
  /** What its replica identity may become where no hypertable can have the present one; null: nothing need be done. */
  readonly remedy: TableWithoutIdentity | null;
}

type Wanted = Pick<MigrationOptions, 'hypertables' | 'skipHypertableIncompatibleObjects'>;

/** Everything that stands between these tables and the hypertables that they are to be. `installed`: the target's TimescaleDB. */
export const readObstacles = async (
  source: pg.Client,
  options: Wanted,
  installed: string | null,
): Promise<readonly Obstacle[]> => (await hindrances(source, options, installed)).obstacles;

async function hindrances(
  source: pg.Client,
  { hypertables, skipHypertableIncompatibleObjects: skip }: Wanted,
  installed: string | null,
) {
  const facts = await readTableFacts(source, hypertables);
  const noForeignKeys = installed !== null && older(installed, '2.16');
  const objects = await readIncompatible(source, hypertables, noForeignKeys);
  const obstacles = facts.flatMap((one) => [
    ...obstaclesOfTable(one),
    ...objects
      .filter(({ schema, table }) => schema === one.wanted.schema && table === one.wanted.name)
      .map((object) => obstacleOfObject(object, one, skip)),
  ]);
  return { facts, objects, obstacles };
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
  const ofChosen = await hindrances(source, options, installed);
  const rows: Omit<HypertableRow, 'remedy'>[] = [];
  const found = [ofChosen];
  for (const one of [...others.map(unknown), ...proposals]) {
    const wanted = hypertableFor(options.hypertables, one);
    const option = wanted ?? optionOf(one);
    const relation = displayName(one);
    const all = wanted ? ofChosen : await hindrances(source, { ...options, hypertables: [option] }, installed);
    if (!wanted) found.push(all);
    const obstacles = all.obstacles.filter((obstacle) => obstacle.relation === relation);
    const { recommended, why, columns, bytes, rows: count } = one;
    const compress = { after: one.compress.after, segmentby: [...one.compress.segmentby] };
    rows.push({
      relation,
      option,
      chosen: wanted !== undefined,
      recommended,
      why,
      columns,
      bytes,
      rows: count,
      compress,
      obstacles,
    });
  }
  const remedies = await readRemedies(
    source,
    found.flatMap(({ facts }) => facts),
    found.flatMap(({ objects }) => objects),
  );
  return rows.map((row) => ({ ...row, remedy: remedies.get(row.relation) ?? null }));
}

const optionOf = ({ schema, name, column, interval }: Proposal): HypertableOption => ({
  schema,
  name,
  column,
  interval,
  hash: null,
  compress: null,
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
  inFront: [],
  compress: { after: '30 days', segmentby: [] },
  recommended: false,
  why: 'named by you',
});
