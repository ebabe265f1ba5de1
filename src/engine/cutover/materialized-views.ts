import type pg from 'pg';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { queryAsOperator } from '../../postgres/search-path.ts';
import type { ClassifiedSchema } from '../schema/classify.ts';
import { readMaterializedViews } from '../source/catalog.ts';
import { failedFinish } from './finish-error.ts';

/** Refreshes the target's materialized views that are populated on the source, in the order of their dependencies. */
export async function refreshMaterializedViews(
  source: pg.Client,
  target: pg.Client,
  schema: Pick<ClassifiedSchema, 'preData' | 'afterIndexes' | 'onAggregates'>,
): Promise<number> {
  const populated = new Map((await readMaterializedViews(source)).filter((v) => v.populated).map((v) => [v.oid, v]));
  // One that stands on something excluded was left out.
  const there = new Set((await readMaterializedViews(target)).map(displayName));
  let refreshed = 0;
  // pg_dump lists a view behind those that it stands on.
  for (const entry of [...schema.preData, ...schema.afterIndexes, ...schema.onAggregates]) {
    const view = entry.type === 'MATERIALIZED VIEW' ? populated.get(entry.oid) : undefined;
    if (!view || !there.has(displayName(view))) continue;
    await queryAsOperator(target, `REFRESH MATERIALIZED VIEW ${qualified(view)}`).catch(
      failedFinish(displayName(view), 'the materialized view could not be refreshed'),
    );
    refreshed += 1;
  }
  return refreshed;
}
