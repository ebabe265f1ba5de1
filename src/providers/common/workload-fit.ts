import { displayName } from '../../postgres/identifiers.ts';
import type { Check, CheckOutcome } from '../check.ts';
import { rowsInChunks } from '../copy-estimate.ts';
import { type Relation, relationsFact } from '../facts/relations.ts';
import { type Workload, workload } from '../facts/workload.ts';
import { formatDuration, info, listed, pass, warn } from '../outcome.ts';
import { migrated } from '../relations.ts';

/** https://www.tigerdata.com/docs/migrate/latest/live-migration */
const MOST_INSERTS_PER_SECOND = 20_000;

const count = (value: number): string => Math.round(value).toLocaleString('en-US');

/** Now and since the counters began. */
export function insertRateOutcome({
  insertsNow,
  inserted,
  countedSeconds,
}: Pick<Workload, 'insertsNow' | 'inserted' | 'countedSeconds'>): CheckOutcome {
  const average = countedSeconds === null || countedSeconds <= 0 ? null : inserted / countedSeconds;
  const found = [
    `${count(insertsNow)} rows/s now`,
    ...(average === null || countedSeconds === null
      ? []
      : [`${count(average)} rows/s on average over ${formatDuration(countedSeconds)}`]),
  ].join(', ');
  return Math.max(insertsNow, average ?? 0) > MOST_INSERTS_PER_SECOND ? warn(found) : pass(found);
}

export const insertRate: Check = {
  id: 'source-insert-rate',
  side: 'source',
  title: 'Rows inserted per second',
  severity: 'warn',
  wanted: '20,000 or fewer',
  why: 'Replay has to be quicker than the application, or it never catches up and there is no moment to go over.',
  fix: 'Migrate at a time when less is written, insert in batches (many rows in one statement or COPY), or hold back bulk loads until after the cut-over. Look at the peak of a usual day, too: here only this moment and the average are seen.',
  async run({ ask }) {
    return insertRateOutcome(await ask('source', workload));
  },
};

export interface RowChanges {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** More than this of all row changes is much. */
const LARGE_SHARE = 0.1;
/** Fewer say nothing about a workload. */
const LEAST_CHANGES = 10_000;

/** `tables`: those with the most of it, for the text. */
export function changeShareOutcome(changes: RowChanges, tables: readonly string[]): CheckOutcome {
  const costly = changes.updated + changes.deleted;
  const all = changes.inserted + costly;
  if (costly === 0) return pass(all === 0 ? 'no row was changed since counting began' : 'only inserts');
  const share = costly / all;
  const percent = share < 0.01 ? 'less than 1' : String(Math.round(share * 100));
  const found = `${percent} % of ${count(all)} changed rows (${count(changes.updated)} updated, ${count(changes.deleted)} deleted)${tables.length > 0 ? `, most in ${listed(tables, 5)}` : ''}`;
  return share > LARGE_SHARE && all >= LEAST_CHANGES ? warn(found) : info(found);
}

const changesOf = (relations: readonly RowChanges[]): RowChanges => ({
  inserted: relations.reduce((sum, { inserted }) => sum + inserted, 0),
  updated: relations.reduce((sum, { updated }) => sum + updated, 0),
  deleted: relations.reduce((sum, { deleted }) => sum + deleted, 0),
});

function busiest(relations: readonly Relation[]): string[] {
  const costly = (relation: Relation) => relation.updated + relation.deleted;
  return relations
    .filter((relation) => costly(relation) > 0)
    .sort((a, b) => costly(b) - costly(a))
    .map((relation) => `${displayName(relation)} (${count(costly(relation))})`);
}

export const changeShare: Check = {
  id: 'source-change-share',
  side: 'source',
  title: 'Share of UPDATE and DELETE',
  severity: 'warn',
  wanted: 'a tenth of all changed rows, or less',
  why: 'On the target each updated or deleted row has to be looked up by its key and leaves a dead version for autovacuum; an inserted one is only appended. Replay is slower by that, and catching up takes longer.',
  fix: 'Leave out large UPDATE and DELETE jobs (clean-up, recalculation) while the migration runs, or run them before it. See that the named tables have a primary key.',
  async run({ ask, options, provider }) {
    const tables = migrated(await ask('source', relationsFact), options);
    // Chunks are no tables of the operator's; the counters of the whole database have them.
    const changes = rowsInChunks(provider) ? await ask('source', workload) : changesOf(tables);
    return changeShareOutcome(changes, busiest(tables));
  },
};
