import { z } from 'zod';
import { gatesNow } from './cutover/gates.ts';
import {
  CUTOVER_STEPS,
  compressionReportSchema,
  damageReportSchema,
  definitionChangeSchema,
  type EngineEvent,
  errorReportSchema,
  PHASES,
  type Phase,
  replayReportSchema,
  schemaChangeSchema,
  TABLE_STATES,
} from './events.ts';
import { replayNow, withoutVerdict } from './replay/verdict.ts';
import { foldTroubles, troubleSchema } from './troubles.ts';

/** The sum of all events so far: what a screen that attaches late, or `status`, needs to know. */
export const progressSchema = z.object({
  migration_id: z.string().nullable(),
  source: z.string(),
  target: z.string(),
  target_database: z.string(),
  started: z.iso.datetime().nullable(),
  phase: z.enum(PHASES),
  phase_since: z.iso.datetime().nullable(),
  tables: z.record(
    z.string(),
    z.object({
      state: z.enum(TABLE_STATES),
      /** Size on the source, an estimate. */
      bytes_total: z.number(),
      /** Bytes of COPY data so far. */
      bytes: z.number(),
      rows: z.number(),
      done: z.number(),
      since: z.iso.datetime().nullable(),
      ms: z.number().nullable(),
      /** Of a chunk: what it is a part of. */
      hypertable: z.string().optional(),
      /** While it is damaged. */
      damage: damageReportSchema.optional(),
    }),
  ),
  indexes: z.object({ total: z.number(), done: z.number(), building: z.array(z.string()) }),
  replay: replayReportSchema,
  slot: z.object({ name: z.string(), wal_status: z.string(), retained_bytes: z.number() }).nullable(),
  spool: z.object({ bytes: z.number(), free_bytes: z.number() }),
  warnings: z.array(z.object({ time: z.iso.datetime(), text: z.string(), table: z.string().optional() })),
  /** What fails at this moment and is tried again, the oldest first. */
  troubles: z.array(troubleSchema),
  /** What changed on the source and not yet on the target. */
  schema_changes: z.array(schemaChangeSchema),
  /** Definitions of the source that have changed and are not on the target. */
  definition_changes: z.array(definitionChangeSchema).default([]),
  gates: z.array(z.object({ id: z.string(), title: z.string(), ok: z.boolean(), detail: z.string() })),
  cutover: z.array(
    z.object({ step: z.enum(CUTOVER_STEPS), state: z.enum(['running', 'done', 'failed']), detail: z.string() }),
  ),
  error: errorReportSchema.nullable(),
  summary: z.array(z.string()),
  /** Roles that were created and can't log in yet. */
  roles_without_password: z.array(z.string()).optional(),
  downtime_ms: z.number().nullable(),
  /** Whether the cut-over has made the source read-only; null: not known. */
  source_read_only: z.boolean().nullable().default(null),
  /** Of chunks, after the end; null: nothing was to be compressed. */
  compression: compressionReportSchema.nullable().default(null),
  /** Since when nothing of the figures was looked at again: they are an earlier engine's. Null: they are of now. */
  as_of: z.iso.datetime().nullable().default(null),
  /** The newest lines of the log, oldest first. */
  log: z.array(z.object({ time: z.iso.datetime(), text: z.string() })),
});

export type Progress = z.infer<typeof progressSchema>;

const KEPT_WARNINGS = 100;
const KEPT_LOG_LINES = 200;

export const initialProgress = (of: {
  migration_id: string | null;
  source: string;
  target: string;
  target_database: string;
}): Progress => ({
  ...of,
  started: null,
  phase: 'checks',
  phase_since: null,
  tables: {},
  indexes: { total: 0, done: 0, building: [] },
  replay: {
    received_lsn: null,
    applied_lsn: null,
    lag_bytes: 0,
    lag_seconds: null,
    source_wal_rate: 0,
    target_replay_rate: 0,
    eta_seconds: null,
    caught_up: false,
    transactions: 0,
    rows: 0,
  },
  slot: null,
  spool: { bytes: 0, free_bytes: 0 },
  warnings: [],
  troubles: [],
  schema_changes: [],
  definition_changes: [],
  gates: [],
  cutover: [],
  error: null,
  summary: [],
  downtime_ms: null,
  source_read_only: null,
  compression: null,
  as_of: null,
  log: [],
});

/**
 * What is known when an engine goes on with a migration: what an earlier one has told last, as of then. What only an engine that
 * runs can say is not among it.
 */
export const continuedProgress = (earlier: Progress): Progress => ({
  ...earlier,
  phase: 'checks',
  phase_since: null,
  indexes: { ...earlier.indexes, building: [] },
  replay: withoutVerdict(earlier.replay, 'unknown'),
  troubles: [],
  schema_changes: [],
  gates: [],
  cutover: [],
  error: null,
  summary: [],
});

const upsert = <T>(list: readonly T[], item: T, same: (other: T) => boolean): T[] =>
  list.some(same) ? list.map((other) => (same(other) ? item : other)) : [...list, item];

/** The table follows the source again: what was said of its damage is over, and goes to the log. */
function withoutDamage(progress: Progress, relation: string, time: string): Progress {
  if (!progress.warnings.some(({ table }) => table === relation)) return progress;
  return {
    ...progress,
    warnings: progress.warnings.filter(({ table }) => table !== relation),
    log: [...progress.log, { time, text: `${relation} follows the source again` }].slice(-KEPT_LOG_LINES),
  };
}

const droppedTables = (changes: Progress['schema_changes']): string[] =>
  changes.filter(({ kind }) => kind === 'table-dropped').map(({ table }) => table);

/** A table that was dropped on the source, and is no difference any more, was dropped on the target as well. */
function withoutGone(progress: Progress, changes: Progress['schema_changes']): Progress['tables'] {
  const still = new Set(droppedTables(changes));
  const gone = droppedTables(progress.schema_changes).filter((table) => !still.has(table) && progress.tables[table]);
  if (gone.length === 0) return progress.tables;
  const tables = { ...progress.tables };
  for (const table of gone) delete tables[table];
  return tables;
}

/**
 * The progress after one more event; the engine and every screen use this same function. Pure, unless `isOurs`: nobody
 * else holds `progress` then, and its tables are moved on where they are. Ten thousand of them tell three things each,
 * and a copy of them all for each of these takes many minutes.
 */
export function foldProgress(progress: Progress, event: EngineEvent, isOurs = false): Progress {
  switch (event.type) {
    case 'phase':
      return {
        ...progress,
        phase: event.phase,
        phase_since: event.time,
        started: progress.started ?? event.time,
        error: event.phase === 'failed' ? progress.error : null,
        troubles: event.phase === 'failed' || event.phase === 'done' ? [] : progress.troubles,
        cutover: event.phase === 'cutover' ? [] : progress.cutover,
        ...measuredInPhase(progress, event.phase),
      };
    case 'plan': {
      const tables: Progress['tables'] = {};
      for (const table of event.tables) {
        const before = progress.tables[table.relation];
        // One that an earlier engine was copying begins anew.
        tables[table.relation] = (before?.state === 'copying' ? undefined : before) ?? {
          state: 'pending',
          bytes_total: table.bytes,
          bytes: 0,
          rows: 0,
          done: 0,
          since: null,
          ms: null,
          ...(table.hypertable === undefined ? {} : { hypertable: table.hypertable }),
        };
      }
      const done = Math.min(event.indexes_total, event.indexes_done ?? 0);
      return { ...progress, as_of: null, tables, indexes: { total: event.indexes_total, done, building: [] } };
    }
    case 'table': {
      const before = progress.tables[event.relation];
      const hypertable = event.hypertable ?? before?.hypertable;
      const table = {
        state: event.state,
        bytes_total: before?.bytes_total ?? 0,
        bytes: event.bytes,
        rows: event.rows,
        done: event.done,
        since: before?.state === event.state ? before.since : event.time,
        ms: event.ms ?? before?.ms ?? null,
        ...(hypertable === undefined ? {} : { hypertable }),
        ...(event.damage ? { damage: event.damage } : {}),
      };
      const tables = isOurs ? progress.tables : { ...progress.tables };
      tables[event.relation] = table;
      const next = { ...progress, tables };
      const follows = event.state === 'copied' || event.state === 'live';
      return follows ? withoutDamage(next, event.relation, event.time) : next;
    }
    case 'index': {
      const name = `${event.relation} ${event.name}`;
      const building = progress.indexes.building.filter((other) => other !== name);
      return {
        ...progress,
        indexes: {
          ...progress.indexes,
          building: event.state === 'building' ? [...building, name] : building,
          done: progress.indexes.done + (event.state === 'done' ? 1 : 0),
        },
      };
    }
    case 'replay': {
      const { type: _, time: __, ...replay } = event;
      return { ...progress, replay: replayNow(replay, progress.troubles) };
    }
    case 'slot':
      return {
        ...progress,
        slot: { name: event.name, wal_status: event.wal_status, retained_bytes: event.retained_bytes },
      };
    case 'spool':
      return { ...progress, spool: { bytes: event.bytes, free_bytes: event.free_bytes } };
    case 'warning': {
      const { time, text, table } = event;
      const about = table === undefined ? {} : { table };
      // An engine that begins again tells of a damaged table once more.
      const others = table === undefined ? progress.warnings : progress.warnings.filter((one) => one.table !== table);
      return { ...progress, warnings: [...others, { time, text, ...about }].slice(-KEPT_WARNINGS) };
    }
    case 'retry':
    case 'healed': {
      const troubles = foldTroubles(progress.troubles, event);
      const gates = gatesNow(progress.gates, troubles);
      return { ...progress, troubles, gates, replay: replayNow(progress.replay, troubles) };
    }
    case 'schema_changes':
      return { ...progress, schema_changes: event.changes, tables: withoutGone(progress, event.changes) };
    case 'definition_changes':
      return { ...progress, definition_changes: event.changes };
    case 'gate': {
      const gate = { id: event.id, title: event.title, ok: event.ok, detail: event.detail };
      return { ...progress, gates: upsert(progress.gates, gate, (other) => other.id === gate.id) };
    }
    case 'cutover': {
      const step = { step: event.step, state: event.state, detail: event.detail };
      return { ...progress, cutover: upsert(progress.cutover, step, (other) => other.step === step.step) };
    }
    case 'log':
      return { ...progress, log: [...progress.log, { time: event.time, text: event.text }].slice(-KEPT_LOG_LINES) };
    case 'error':
      return { ...progress, error: event.error };
    case 'done':
      return {
        ...progress,
        summary: event.summary,
        downtime_ms: event.downtime_ms,
        roles_without_password: event.roles_without_password ?? [],
        source_read_only: event.source_read_only ?? null,
      };
    case 'compression': {
      const { type: _, time: __, ...compression } = event;
      return { ...progress, compression };
    }
    case 'check':
    case 'snapshot':
      return progress;
    default:
      return event satisfies never;
  }
}

/**
 * What was measured in an earlier phase says nothing of a later one. During a cut-over, and after one that failed, the
 * measurements go on; in the end everything is applied.
 */
function measuredInPhase({ phase: before, replay, gates }: Progress, phase: Phase): Pick<Progress, 'replay' | 'gates'> {
  if (phase === 'cutover' || (before === 'cutover' && phase === 'replay')) return { replay, gates };
  if (phase === 'failed') return { replay: withoutVerdict(replay, 'unknown'), gates: [] };
  if (phase !== 'done') return { replay: withoutVerdict(replay, 'measuring'), gates: [] };
  return { replay: { ...replay, verdict: 'caught-up', caught_up: true, lag_bytes: 0, eta_seconds: 0 }, gates: [] };
}

/** Totals over the tables, in bytes of table size on the source. */
export function copyTotals(progress: Progress): {
  tables_total: number;
  tables_done: number;
  bytes_total: number;
  bytes_done: number;
} {
  let tablesDone = 0;
  let bytesTotal = 0;
  let bytesDone = 0;
  const tables = Object.values(progress.tables);
  for (const table of tables) {
    bytesTotal += table.bytes_total;
    bytesDone += table.bytes_total * table.done;
    if (table.state === 'copied' || table.state === 'live') tablesDone += 1;
  }
  return {
    tables_total: tables.length,
    tables_done: tablesDone,
    bytes_total: bytesTotal,
    bytes_done: Math.round(bytesDone),
  };
}
