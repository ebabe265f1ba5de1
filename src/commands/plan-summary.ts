import { statfs } from 'node:fs/promises';
import type pg from 'pg';
import { estimateCopySeconds } from '../engine/copy/estimate.ts';
import { planParts } from '../engine/copy/parts.ts';
import { readServerRoles } from '../engine/roles/server-roles.ts';
import { readLeftOutSchemas } from '../engine/source/belongs.ts';
import { chunkOf, holdsRows, readTables, type SourceTable, selection } from '../engine/source/catalog.ts';
import { chooseJobs } from '../engine/target/jobs.ts';
import { ofHypertable } from '../engine/timescale/chunk-name.ts';
import type { HypertableOption } from '../engine/timescale/hypertable-option.ts';
import { becomesHypertable } from '../engine/timescale/new-hypertables.ts';
import { displayIdent, displayName } from '../postgres/identifiers.ts';
import { serverVersionNum } from '../postgres/query.ts';
import type { PlanSummary, WizardInput } from '../state/services.ts';
import { countPlannedIndexes } from './count-indexes.ts';
import { planRemarks } from './plan-remarks.ts';

const MAXIMUM_PARTS = 10_000;

export interface PlanSetting {
  readonly source: pg.Client;
  readonly target: pg.Client;
  /** Where the spool will be. */
  readonly directory: string;
  /** Bytes a second that the source writes to its WAL; null when not known. */
  readonly walPerSecond: number | null;
}

/** What a migration with these options would do, as far as both servers can tell now. */
export async function summarize(
  { options }: Pick<WizardInput, 'options'>,
  { source, target, directory, walPerSecond }: PlanSetting,
): Promise<PlanSummary> {
  const tables = await readTables(source);
  const jobs = await chooseJobs(source, target, options);
  const migrated = tables.filter((table) => selection(table, options) !== 'excluded');
  const copied = tables.filter((table) => holdsRows(table) && selection(table, options) === 'all');
  const parts = new Map(
    planParts(copied, options.splitTablesLargerThan, await serverVersionNum(source), MAXIMUM_PARTS).map((part) => [
      part.table.oid,
      part.parts,
    ]),
  );
  const bytes = copied.reduce((sum, table) => sum + table.bytes, 0);
  const { rows } = await source.query<{ name: string }>(
    `SELECT extname AS name FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1`,
  );
  const extensions = rows.map(({ name }) => name);
  const skips = (name: string) => options.skipExtensions === 'all' || options.skipExtensions.includes(name);
  const roles = options.skipRoles ? { migrated: [], leftOut: [] } : await rolesOf(source, target);
  const estimateSeconds = bytes === 0 ? null : estimateCopySeconds(bytes, jobs.tables);
  return {
    tables: copied
      .sort((a, b) => b.bytes - a.bytes)
      .map((table) => ({
        relation: displayName(table),
        bytes: table.bytes,
        rows: table.rows,
        parts: parts.get(table.oid) ?? 1,
        note: noteOn(table, becomesHypertable(table, options.hypertables)),
        ...ofHypertable({ chunkOf: chunkOf(table) }),
      })),
    skipped: [
      ...options.leaveOut.map((object) => ({ object, why: 'left out on request, with what depends on it' })),
      ...tables.flatMap((table) => {
        const why = whySkipped(table, selection(table, options));
        return why ? [{ object: displayName(table), why }] : [];
      }),
      ...(await readLeftOutSchemas(source)).map(({ name, why }) => ({ object: `schema ${displayIdent(name)}`, why })),
      ...roles.leftOut.map(({ name, why }) => ({ object: `role ${displayIdent(name)}`, why })),
    ],
    extensions: extensions.filter((name) => !skips(name)),
    roles: roles.migrated,
    bytes,
    indexes: await countPlannedIndexes(source, migrated, options),
    tableJobs: jobs.tables,
    indexJobs: jobs.indexes,
    estimateSeconds,
    walPerSecond,
    spoolBytes: walPerSecond === null || estimateSeconds === null ? null : walPerSecond * estimateSeconds,
    spoolFreeBytes: await freeBytes(directory),
    remarks: await planRemarks(source, { options, tables, extensions }),
  };
}

/** Those that come, and those that do not and that the target does not have either. */
async function rolesOf(source: pg.Client, target: pg.Client) {
  const there = new Set((await readServerRoles(target)).all.map(({ name }) => name));
  const { roles, leftOut } = await readServerRoles(source);
  return { migrated: roles.map(({ name }) => name), leftOut: leftOut.filter(({ name }) => !there.has(name)) };
}

async function freeBytes(directory: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    // Not made yet; the checks look at it more closely.
    return null;
  }
}

function noteOn(table: SourceTable, becomes: HypertableOption | undefined): string {
  if (becomes) return `hypertable by ${displayIdent(becomes.column)}${becomes.compress ? ', compressed' : ''}`;
  if (table.kind === 'unlogged') return 'unlogged: copied again at cut-over';
  return table.hasIdentity ? '' : 'inserts only';
}

function whySkipped(table: SourceTable, selected: ReturnType<typeof selection>): string | null {
  if (selected === 'excluded') return 'left out on request';
  if (table.kind === 'foreign') return 'foreign table: its rows are elsewhere';
  return selected === 'schema-only' && holdsRows(table) ? 'schema only, on request' : null;
}
