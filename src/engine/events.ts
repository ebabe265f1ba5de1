import { z } from 'zod';
import type { ErrorCode } from '../errors/codes.ts';
import { ERROR_KINDS } from '../errors/codes.ts';

/**
 * What the engine says. The wizard, the line log, the JSON log and the tests read these and nothing else.
 * LSNs are PostgreSQL's text form, sizes bytes, durations milliseconds unless the name says seconds.
 */

export const PHASES = ['checks', 'snapshot', 'schema', 'copy', 'replay', 'cutover', 'done', 'failed'] as const;
export type Phase = (typeof PHASES)[number];

export const TABLE_STATES = ['pending', 'copying', 'copied', 'live', 'damaged'] as const;
export type TableState = (typeof TABLE_STATES)[number];

/** The steps of a cut-over, in order; each is safe to run again. */
export const CUTOVER_STEPS = ['fence', 'drain', 'sequences', 'objects', 'verify', 'report'] as const;
export type CutoverStep = (typeof CUTOVER_STEPS)[number];

const bytes = z.number().nonnegative();
/** What a chunk is a part of. */
const hypertable = z.string();
const side = z.enum(['source', 'target', 'local']);

export const errorReportSchema = z.object({
  code: z.custom<ErrorCode>((v) => typeof v === 'string' && Object.hasOwn(ERROR_KINDS, v)),
  message: z.string(),
  side: side.optional(),
  object: z.string().optional(),
  hint: z.string(),
});

/** Why a table does not follow the source any more. */
export const damageReportSchema = z.object({
  code: errorReportSchema.shape.code,
  reason: z.string(),
  /** The key, or the row, of the change that could not be applied. */
  row: z.string().nullable(),
  /** Position of the commit that brought it. */
  lsn: z.string().nullable(),
});
export type DamageReport = z.infer<typeof damageReportSchema>;

/** What may have changed on the source since a table's rows came to the target. */
export const SCHEMA_CHANGES = [
  'table-created',
  'partition-created',
  'table-missing',
  'table-dropped',
  'table-renamed',
  'table-moved',
  'partition-attached',
  'partition-detached',
  'column-added',
  'column-dropped',
  'column-renamed',
  'column-retyped',
  'column-nullable',
  'column-not-null',
  'column-replaced',
  'identity-lost',
] as const;

export const schemaChangeSchema = z.object({
  kind: z.enum(SCHEMA_CHANGES),
  /** The table, by its name on the target. */
  table: z.string(),
  /** What happened on the source, in one sentence. */
  what: z.string(),
  /** What it means for the migration. */
  means: z.string(),
  /** Statements to run on the target, in this order. */
  sql: z.array(z.string()),
  /** Statements to run on the source. */
  source_sql: z.array(z.string()),
  /** A cut-over would lose rows or columns by it. */
  locks: z.boolean(),
  /** The table's rows must be copied again, after the statements. */
  copy_again: z.boolean(),
});
export type SchemaChange = z.infer<typeof schemaChangeSchema>;

/** A definition of the source that has changed since its schema was dumped, and is not on the target. */
export const definitionChangeSchema = z.object({
  /** Names the object in our records. */
  key: z.string(),
  /** `view public.v`. */
  object: z.string(),
  /** What happened on the source, in one sentence. */
  what: z.string(),
  /** Statements for the target, in this order. */
  sql: z.array(z.string()),
  /** Run at once, before those for the cut-over: an old constraint would refuse new rows. */
  at_once: z.array(z.string()),
  /** `cutover`: `sql` is run in the cut-over; `hand`: no statement is known to be safe. */
  when: z.enum(['now', 'cutover', 'hand']),
});
export type DefinitionChange = z.infer<typeof definitionChangeSchema>;

/** How far the compression of chunks is, once the migration is done. */
export const compressionReportSchema = z.object({
  /** `done`: nothing is left to be tried; `stopped`: it can be gone on with. */
  state: z.enum(['running', 'done', 'stopped']),
  chunks_total: z.number(),
  chunks_done: z.number(),
  /** Of those that are left: others hold them, so that they are tried again later. */
  chunks_held: z.number(),
  /** Of the chunks that were compressed by us. */
  bytes_before: bytes,
  bytes_after: bytes,
  /** The hypertable or continuous aggregate, and the chunk of it that is being compressed. */
  relation: z.string().nullable(),
  chunk: z.string().nullable(),
});
export type CompressionReport = z.infer<typeof compressionReportSchema>;

/**
 * What the figures of replay say. `measuring`: there are not two samples yet; `unknown`: nothing measures while a trouble
 * stands; `interrupted`: nothing arrives or is applied while a trouble stands. Only the others have rates.
 */
export const REPLAY_VERDICTS = [
  'measuring',
  'unknown',
  'interrupted',
  'caught-up',
  'catching-up',
  'falling-behind',
] as const;
export type ReplayVerdict = (typeof REPLAY_VERDICTS)[number];

export const replayReportSchema = z.object({
  /** Earlier versions of this program do not say it. */
  verdict: z.enum(REPLAY_VERDICTS).optional(),
  received_lsn: z.string().nullable(),
  applied_lsn: z.string().nullable(),
  /** Source WAL position minus applied position. */
  lag_bytes: bytes,
  /** Age of the newest applied heartbeat; null until the first one. */
  lag_seconds: z.number().nullable(),
  /** Bytes a second that the source writes to its WAL. */
  source_wal_rate: z.number(),
  /** Bytes a second of WAL that the applier works off. */
  target_replay_rate: z.number(),
  /** Seconds until caught up at the present rates; null when it would never catch up. */
  eta_seconds: z.number().nullable(),
  caught_up: z.boolean(),
  transactions: z.number(),
  rows: z.number(),
});
export type ReplayReport = z.infer<typeof replayReportSchema>;

const payload = z.discriminatedUnion('type', [
  z.object({ type: z.literal('phase'), phase: z.enum(PHASES) }),
  z.object({
    type: z.literal('check'),
    id: z.string(),
    side,
    title: z.string(),
    status: z.enum(['pass', 'warn', 'fail', 'info']),
    found: z.string(),
    wanted: z.string(),
    why: z.string(),
    fix: z.string(),
  }),
  z.object({
    type: z.literal('plan'),
    tables: z.array(
      z.object({ relation: z.string(), bytes, rows: z.number(), parts: z.number(), hypertable: hypertable.optional() }),
    ),
    indexes_total: z.number(),
    /** Of these an earlier run has built so many. */
    indexes_done: z.number().optional(),
  }),
  z.object({ type: z.literal('snapshot'), slot: z.string(), lsn: z.string(), tables: z.number() }),
  z.object({
    type: z.literal('table'),
    relation: z.string(),
    hypertable: hypertable.optional(),
    state: z.enum(TABLE_STATES),
    /** Bytes of COPY data sent so far; on `copied` the final figure. */
    bytes,
    rows: z.number(),
    /** Share of the table's estimated size that is copied, 0 to 1. */
    done: z.number().min(0).max(1),
    ms: z.number().optional(),
    /** With `damaged`. */
    damage: damageReportSchema.optional(),
  }),
  z.object({
    type: z.literal('index'),
    relation: z.string(),
    name: z.string(),
    state: z.enum(['building', 'done']),
    ms: z.number().optional(),
  }),
  replayReportSchema.extend({ type: z.literal('replay') }),
  z.object({ type: z.literal('slot'), name: z.string(), wal_status: z.string(), retained_bytes: bytes }),
  z.object({ type: z.literal('spool'), bytes, free_bytes: bytes }),
  /** `table`: it is about this damaged table, and holds until that follows the source again. */
  z.object({ type: z.literal('warning'), text: z.string(), table: z.string().optional() }),
  z.object({ type: z.literal('log'), text: z.string() }),
  /**
   * Something failed and is tried again after `retry_ms`. `retry`: time may heal it; `operator`: somebody must act first,
   * and the engine goes on by itself afterwards.
   */
  z.object({
    type: z.literal('retry'),
    what: z.string(),
    policy: z.enum(['retry', 'operator']),
    error: errorReportSchema,
    retry_ms: z.number(),
  }),
  /** What was tried again works. */
  z.object({ type: z.literal('healed'), what: z.string() }),
  /** In what the source's tables differ from the target's by now: all that is open at this moment. */
  z.object({ type: z.literal('schema_changes'), changes: z.array(schemaChangeSchema) }),
  /** Which definitions of the source have changed since its schema was dumped: all that are open at this moment. */
  z.object({ type: z.literal('definition_changes'), changes: z.array(definitionChangeSchema) }),
  z.object({ type: z.literal('gate'), id: z.string(), title: z.string(), ok: z.boolean(), detail: z.string() }),
  z.object({
    type: z.literal('cutover'),
    step: z.enum(CUTOVER_STEPS),
    state: z.enum(['running', 'done', 'failed']),
    detail: z.string(),
  }),
  z.object({ type: z.literal('error'), error: errorReportSchema }),
  z.object({
    type: z.literal('done'),
    summary: z.array(z.string()),
    /** Roles that the migration has created with LOGIN: somebody must set their passwords. */
    roles_without_password: z.array(z.string()).optional(),
    downtime_ms: z.number(),
    /** The source was made read-only and stays so. */
    source_read_only: z.boolean().optional(),
  }),
  /** After `done`, where there are chunks to be compressed. */
  compressionReportSchema.extend({ type: z.literal('compression') }),
]);

export type EventPayload = z.infer<typeof payload>;
export const engineEventSchema = payload.and(z.object({ time: z.iso.datetime() }));
/** An event with the time at which the engine said it. */
export type EngineEvent = EventPayload & { readonly time: string };

export type Emit = (event: EventPayload) => void;
