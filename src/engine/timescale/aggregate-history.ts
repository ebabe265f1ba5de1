import type pg from 'pg';
import { displayName, qualified, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { pipeCopy } from '../copy/pipe.ts';
import { inTransaction } from '../schema/restore.ts';
import { recordObject } from '../target/progress-schema.ts';
import { storageOf } from './make-aggregates.ts';
import type { Aggregate } from './source-aggregates.ts';
import { beyond, gapsBefore, inType, isInteger, rangesOfChunks, type TimeRange, together } from './time-ranges.ts';

export interface HistoryOptions {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly signal: AbortSignal;
}

const KIND = 'aggregate history';

/**
 * Copies the buckets whose rows are gone from the source, whole or in part: no refresh could make them again. Comes behind a
 * refresh of everything, which has noted them as up to date, so that no later one deletes them. Those in the gaps that are `known` were
 * copied before. Gives the number of rows.
 */
export async function copyHistory(
  { source, target, signal }: HistoryOptions,
  aggregate: Aggregate,
  known: readonly TimeRange[] = [],
): Promise<number> {
  const into = await storageOf(target, aggregate);
  if (!into) return 0;
  const gaps = gapsBefore(await rangesOfChunks(target, into.on));
  const wanted = beyond(gaps, known);
  let rows = 0;
  await inTransaction(target, async () => {
    await target.query('DELETE FROM tiger_migrate.object WHERE kind = $1 AND name = $2', [
      KIND,
      displayName(aggregate),
    ]);
    await recordObject(target, KIND, displayName(aggregate), JSON.stringify(together(gaps, known)));
    if (wanted.length === 0) return;
    const where = bucketsIn(wanted, aggregate);
    const columns = aggregate.columns.map(quoteIdent).join(', ');
    await target.query(`DELETE FROM ${qualified(into)} WHERE ${where}`);
    const statements = {
      out: `COPY (SELECT ${columns} FROM ${qualified(aggregate.storage)} WHERE ${where}) TO STDOUT`,
      into: `COPY ${qualified(into)} (${columns}) FROM STDIN`,
    };
    ({ rows } = await pipeCopy(source, target, statements, () => undefined, signal));
  });
  return rows;
}

/** The gaps whose buckets were copied; null: this aggregate was not filled yet. */
export async function gapsCopied(target: pg.Client, aggregate: Aggregate): Promise<TimeRange[] | null> {
  const { rows } = await target.query<{ detail: string }>(
    'SELECT detail FROM tiger_migrate.object WHERE kind = $1 AND name = $2',
    [KIND, displayName(aggregate)],
  );
  return rows[0] ? (JSON.parse(rows[0].detail) as TimeRange[]) : null;
}

/** SQL: buckets that lie in a gap, if only with a part of them. */
export function bucketsIn(
  gaps: readonly TimeRange[],
  { bucket, bucketType, width }: Pick<Aggregate, 'bucket' | 'bucketType' | 'width'>,
): string {
  const column = quoteIdent(bucket);
  const before = (from: string) => {
    if (width === null) return `${column} >= ${inType(from, bucketType)}`;
    const wide = isInteger(bucketType) ? `${Number.parseInt(width, 10)}` : `${quoteLiteral(width)}::interval`;
    return `${column} > ${inType(from, bucketType)} - ${wide}`;
  };
  const inGap = ({ from, to }: TimeRange) =>
    [
      ...(from === null ? [] : [before(from)]),
      ...(to === null ? [] : [`${column} < ${inType(to, bucketType)}`]),
      'true',
    ].join(' AND ');
  return gaps.map((gap) => `(${inGap(gap)})`).join(' OR ');
}
