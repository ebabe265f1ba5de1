import type { TableState } from '../engine/events.ts';
import { type HypertableProgress, hypertableProgress, STATE_ORDER } from '../engine/hypertable-progress.ts';
import type { Progress } from '../engine/progress.ts';
import type { Model } from './model.ts';

export interface TableLine {
  readonly relation: string;
  readonly table: Progress['tables'][string];
  /** Of a hypertable: its chunks together. */
  readonly chunks?: HypertableProgress['chunks'];
}

/** What needs the eye first: damage, then what is moving, then what waits, then what is done; large before small. */
const inOrder = (a: TableLine, b: TableLine): number =>
  STATE_ORDER[a.table.state] - STATE_ORDER[b.table.state] ||
  b.table.bytes_total - a.table.bytes_total ||
  (a.relation < b.relation ? -1 : 1);

/** A line for each table, and one for all chunks of a hypertable; those of the `opened` ones below it, each on its own. */
export function tableLines(progress: Progress, opened: readonly string[] = []): TableLine[] {
  const lines: TableLine[] = [];
  const chunks = new Map<string, TableLine[]>(opened.map((name) => [name, []]));
  for (const [relation, table] of Object.entries(progress.tables)) {
    if (table.hypertable === undefined) lines.push({ relation, table });
    else chunks.get(table.hypertable)?.push({ relation, table });
  }
  for (const { hypertable, chunks, table } of hypertableProgress(progress).values()) {
    lines.push({ relation: hypertable, table, chunks });
  }
  lines.sort(inOrder);
  if (opened.length === 0) return lines;
  return lines.flatMap((line) => (line.chunks ? [line, ...(chunks.get(line.relation) ?? []).sort(inOrder)] : [line]));
}

/** How many tables are in each state. */
export function tableCounts(progress: Progress): Record<TableState, number> {
  const counts: Record<TableState, number> = { pending: 0, copying: 0, copied: 0, live: 0, damaged: 0 };
  for (const table of Object.values(progress.tables)) counts[table.state] += 1;
  return counts;
}

/** How many tables of the migration follow the source; one that was dropped there can't, and is told by itself. */
export function followCounts(progress: Progress): {
  total: number;
  following: number;
  again: number;
  damaged: number;
  dropped: number;
} {
  const gone = progress.schema_changes.filter(({ kind, table }) => kind === 'table-dropped' && progress.tables[table]);
  const counts = tableCounts(progress);
  for (const { table } of gone) counts[progress.tables[table]?.state ?? 'live'] -= 1;
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return {
    total,
    following: counts.live + counts.copied,
    again: counts.copying + counts.pending,
    damaged: counts.damaged,
    dropped: gone.length,
  };
}

/** `tables`, or `tables and chunks` where there are such. */
export function tablesWord(progress: Progress): string {
  for (const name in progress.tables) if (progress.tables[name]?.hypertable !== undefined) return 'tables and chunks';
  return 'tables';
}

/** Names of the hypertables that chunks of the plan are parts of. */
export function plannedHypertables({ plan }: Pick<Model, 'plan'>): string[] {
  if (plan.summary.state !== 'ready') return [];
  return [...new Set(plan.summary.value.tables.flatMap(({ hypertable }) => hypertable ?? []))];
}

/** A chunk as it stands below its hypertable: of names that nearly all have only what tells them apart. */
export const chunkName = (relation: string): string =>
  `  ${relation.replace(/^_timescaledb_internal\.(.*)_chunk$/, '$1')}`;
