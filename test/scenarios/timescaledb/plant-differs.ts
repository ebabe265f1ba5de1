import { rowsOf, shapeOf } from '../../support/timescaledb/contents.ts';
import { REFRESHES } from './plant.ts';
import type { Hypertables } from './stage.ts';

const OTHER_RELATIONS = ['devices', 'hourly', `"Agg ""s"."Day's"`, 'by_number', 'on_it'];

/**
 * Refreshes the source's aggregates, then gives what differs between the two sides of a plant, shortened: chunks and rows of
 * hypertables, rows of aggregates and tables, dimensions, objects, aggregates, compression, jobs. None is what every test wants.
 */
export async function plantDiffers(stage: Hypertables): Promise<string[]> {
  for (const sql of REFRESHES) await stage.on('source', sql);
  const differences = await stage.differences();
  const [here, there] = [stage.asSuperuser('source'), stage.asSuperuser('target')];
  const [wanted, found] = [await shapeOf(here), await shapeOf(there)];
  for (const [what, list] of Object.entries(wanted)) differences.push(...onlyOneSide(what, list, found[what] ?? []));
  for (const relation of OTHER_RELATIONS) {
    differences.push(...onlyOneSide(relation, await rowsOf(here, relation), await rowsOf(there, relation)));
  }
  return differences;
}

function onlyOneSide(what: string, source: readonly unknown[], target: readonly unknown[]): string[] {
  const [ours, theirs] = [source, target].map((list) => list.map((one) => JSON.stringify(one)));
  if (!ours || !theirs || ours.join('\n') === theirs.join('\n')) return [];
  const missing = ours.filter((one) => !theirs.includes(one));
  const added = theirs.filter((one) => !ours.includes(one));
  const first = (list: string[]) => `${list.length}: ${list.slice(0, 2).join(', ')}`;
  return [`${what}: only on the source ${first(missing)}; only on the target ${first(added)}`];
}
