import type { CompressionReport } from '../engine/events.ts';
import { hypertableProgress } from '../engine/hypertable-progress.ts';
import { EngineClient } from '../engine/process/client.ts';
import { readProgressFile } from '../engine/process/work-directory.ts';
import { copyTotals, type Progress } from '../engine/progress.ts';
import { verdictOf, withoutVerdict } from '../engine/replay/verdict.ts';
import { passwordSteps } from '../engine/roles/password-step.ts';
import { troubleReason } from '../engine/troubles.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { tablesWord } from '../state/table-order.ts';
import { formatBytes, formatMoment } from '../terminal/format.ts';
import { compressionLine, definitionChangeLine, schemaChangeLine } from '../terminal/format-line.ts';
import { lagLine } from '../terminal/lag-line.ts';
import type { CommandContext } from './context.ts';
import { gateLines } from './status-gates.ts';

/** `status`: one look at a running or stopped migration. */
export async function status(context: CommandContext): Promise<number> {
  const client = await EngineClient.attach(context.directory);
  const progress = client?.progress ?? (await readProgressFile(context.directory));
  client?.detach();
  if (!progress) {
    throw new MigrateError('TM1305', {
      side: 'local',
      object: context.directory,
      message: 'no migration was begun in this work directory',
      hint: 'Give the --dir that it was begun with.',
    });
  }
  context.printJson({ type: 'status', ...statusOf(progress, client?.pid ?? null) });
  for (const line of statusLines(progress, client?.pid ?? null)) context.say(line);
  return 0;
}

/** The object that `status --json` prints; its fields are a contract with other people's scripts. */
export function statusOf(progress: Progress, pid: number | null) {
  const { slot, error } = progress;
  const replay = replayAt(progress, pid);
  return {
    phase: progress.phase,
    engine: pid === null ? ('stopped' as const) : ('running' as const),
    pid,
    migration: progress.migration_id,
    source: progress.source,
    target: progress.target,
    started: progress.started,
    as_of: progress.as_of,
    copy: copyTotals(progress),
    replay: {
      verdict: verdictOf(replay),
      received_lsn: replay.received_lsn,
      applied_lsn: replay.applied_lsn,
      lag_bytes: replay.lag_bytes,
      lag_seconds: replay.lag_seconds,
      source_wal_rate: replay.source_wal_rate,
      target_replay_rate: replay.target_replay_rate,
      eta_seconds: replay.eta_seconds,
      caught_up: replay.caught_up,
      transactions: replay.transactions,
      rows: replay.rows,
    },
    // Both are gone with the cut-over.
    slot: progress.phase === 'done' ? null : slot,
    spool: progress.phase === 'done' ? { ...progress.spool, bytes: 0 } : progress.spool,
    hypertables: hypertablesOf(progress),
    damaged: damagedTables(progress),
    troubles: progress.troubles,
    schema_changes: progress.schema_changes,
    definition_changes: progress.definition_changes,
    warnings: progress.warnings,
    roles_without_password: progress.roles_without_password ?? [],
    // Nobody looks at them while no engine runs.
    gates: pid === null ? [] : progress.gates,
    compression: progress.compression,
    error: error ? { code: error.code, message: error.message, hint: error.hint } : null,
  };
}

/** What was measured before the engine stopped need not be so now; once the migration is done, it stays so. */
const replayAt = ({ phase, replay }: Progress, pid: number | null): Progress['replay'] =>
  pid !== null || phase === 'done' ? replay : withoutVerdict(replay, 'unknown');

const damagedTables = (progress: Progress) =>
  Object.entries(progress.tables).flatMap(([table, { damage, hypertable }]) =>
    damage ? [{ table, ...(hypertable === undefined ? {} : { hypertable }), ...damage }] : [],
  );

function compressionLines(compression: CompressionReport, pid: number | null): string[] {
  const { state, chunks_done: done, chunks_total: total } = compression;
  const stopped = state !== 'running' || pid === null;
  return [
    compressionLine(compression),
    ...(stopped && done < total ? ['Go on with migrate --resume, or leave it to the policies of the target.'] : []),
  ];
}

/** The chunks of each hypertable together. */
const hypertablesOf = (progress: Progress) =>
  [...hypertableProgress(progress).values()].map(({ hypertable, chunks, table }) => ({
    hypertable,
    state: table.state,
    chunks_total: chunks.total,
    chunks_done: chunks.done,
    chunks_damaged: chunks.damaged,
    bytes_total: table.bytes_total,
    bytes_done: Math.round(table.bytes_total * table.done),
    rows: table.rows,
  }));

/** What `status` says to people. */
export function statusLines(progress: Progress, pid: number | null): string[] {
  const totals = copyTotals(progress);
  const lines = [
    `${progress.source} → ${progress.target}`,
    `Phase ${progress.phase}, engine ${pid === null ? 'stopped' : `running (process ${pid})`}`,
    ...(progress.as_of !== null && progress.phase !== 'done' ? [`As of ${formatMoment(progress.as_of)}:`] : []),
    `Copied ${totals.tables_done} of ${totals.tables_total} ${tablesWord(progress)}, ${formatBytes(totals.bytes_done)} of ${formatBytes(totals.bytes_total)}`,
  ];
  for (const one of hypertablesOf(progress)) {
    const damage = one.chunks_damaged === 0 ? '' : `, ${one.chunks_damaged} DAMAGED`;
    lines.push(
      `  ${one.hypertable}: ${one.chunks_done} of ${one.chunks_total} chunks${damage}, ${one.rows} rows, ${formatBytes(one.bytes_done)} of ${formatBytes(one.bytes_total)}`,
    );
  }
  if (progress.phase === 'replay') {
    const replay = replayAt(progress, pid);
    lines.push(
      verdictOf(replay) !== 'unknown'
        ? lagLine(replay)
        : `The lag is not known now; it was ${formatBytes(replay.lag_bytes)} when it was last measured`,
    );
  }
  lines.push(...gateLines(progress, pid));
  if (progress.slot && progress.phase !== 'done') {
    lines.push(
      `Slot ${progress.slot.name}: ${progress.slot.wal_status}, ${formatBytes(progress.slot.retained_bytes)} of WAL kept on the source`,
    );
  }
  const { bytes, free_bytes: free } = progress.spool;
  // An engine that ended before it looked knows nothing of the disk.
  if (progress.phase !== 'done' && free > 0) lines.push(`Spool ${formatBytes(bytes)}, ${formatBytes(free)} free`);
  if (progress.compression) lines.push(...compressionLines(progress.compression, pid));
  const damaged = damagedTables(progress);
  for (const { table, hypertable, code, reason, lsn } of damaged)
    lines.push(
      `DAMAGED ${table}${hypertable === undefined ? '' : ` (a chunk of ${hypertable})`}: ${code} ${reason} at ${lsn ?? '?'}`,
    );
  if (damaged.length > 0) lines.push('Copy them again with migrate --resync; the cut-over is locked until then.');
  for (const trouble of progress.troubles) {
    const doing = trouble.policy === 'retry' ? 'Trying again' : 'Waiting for you';
    lines.push(`${doing} since ${trouble.since}: ${trouble.what}: ${troubleReason(trouble)}`);
    if (trouble.policy === 'operator') lines.push(`  → ${trouble.hint}`);
  }
  for (const change of progress.schema_changes) lines.push(schemaChangeLine(change));
  for (const change of progress.definition_changes) lines.push(definitionChangeLine(change));
  for (const warning of progress.warnings.slice(-5)) lines.push(`! ${warning.time} ${warning.text}`);
  lines.push(...passwordSteps(progress.roles_without_password ?? []));
  if (progress.error) lines.push(`${progress.error.code} ${progress.error.message}`, `  → ${progress.error.hint}`);
  // Unless its error says how to go on otherwise.
  const toldHow = progress.error?.hint.includes('migrate --res') ?? false;
  if (pid === null && progress.phase !== 'done' && !toldHow) lines.push('Go on with migrate --resume.');
  return lines;
}
