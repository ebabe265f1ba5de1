import type { CompressionReport, DefinitionChange, EngineEvent, Phase, SchemaChange } from '../engine/events.ts';
import { nextSteps } from '../engine/next-steps.ts';
import { passwordSteps } from '../engine/roles/password-step.ts';
import { troubleReason } from '../engine/troubles.ts';
import { formatError } from '../errors/migrate-error.ts';
import { formatBytesShort, formatCount, formatMs, formatNumberOf, formatPercent } from './format.ts';
import { lagLine } from './lag-line.ts';

const PHASE_LINES: Record<Phase, string | null> = {
  checks: 'Checking source and target',
  snapshot: 'Creating publications, replication slot and snapshot',
  schema: 'Restoring the schema on the target',
  copy: 'Copying table data',
  replay: 'Replaying changes of the source',
  cutover: 'Cutting over',
  // What these two have to say comes as an event of its own.
  done: null,
  failed: null,
};

const CHECK_WORDS = { pass: 'ok', info: 'note', warn: 'WARNING', fail: 'FAILED' } as const;

function checkLine(event: Extract<EngineEvent, { type: 'check' }>): string {
  const line = `Check ${CHECK_WORDS[event.status]}: ${event.title} (${event.side}): ${event.found}`;
  if (event.status === 'pass' || event.status === 'info') return line;
  const details = [`wanted: ${event.wanted}`, `why: ${event.why}`, `fix: ${event.fix}`];
  return [line, ...details.map((detail) => `  ${detail.replaceAll('\n', '\n       ')}`)].join('\n');
}

function tableLine(event: Extract<EngineEvent, { type: 'table' }>): string | null {
  const took = event.ms === undefined ? '' : ` in ${formatMs(event.ms)}`;
  switch (event.state) {
    case 'copying':
      return `Copying ${event.relation}: ${formatPercent(event.done)}, ${formatCount(event.rows)} rows, ${formatBytesShort(event.bytes)}`;
    case 'copied':
      return `Copied ${event.relation}: ${formatCount(event.rows)} rows, ${formatBytesShort(event.bytes)}${took}`;
    case 'damaged':
      // The warning that comes with it says all of it.
      return null;
    case 'pending':
    case 'live':
      return null;
    default:
      return event.state satisfies never;
  }
}

/** What changed on the source, and what to run: with the statements in full. */
export const schemaChangeLine = ({ table, what, means, sql, source_sql, copy_again }: SchemaChange): string =>
  [
    `SCHEMA ${table}: ${what}. ${means}`,
    ...sql.map((statement) => `  on the target: ${statement}`),
    ...source_sql.map((statement) => `  on the source: ${statement}`),
    ...(copy_again ? [`  then: migrate --resync ${table}`] : []),
  ].join('\n');

const WHEN_WORDS = { now: 'on the target', cutover: 'on the target, in the cut-over', hand: '' } as const;

/** A changed definition, and what to run: with the statements in full. */
export const definitionChangeLine = ({ what, sql, at_once, when }: DefinitionChange): string =>
  [
    `DEFINITION ${what}; the target has the old one.${when === 'hand' ? ' Change it there by hand.' : ''}`,
    ...at_once.map((statement) => `  ${WHEN_WORDS.now}: ${statement};`),
    ...sql.map((statement) => `  ${WHEN_WORDS[when]}: ${statement};`),
  ].join('\n');

const COMPRESSION_WORDS = { running: 'Compressing', done: 'Compressed', stopped: 'Compression has stopped:' } as const;

/** How far compression is, and what it has brought. */
export function compressionLine({ state, relation, ...of }: CompressionReport): string {
  const sizes =
    of.bytes_before === 0 ? '' : `, ${formatBytesShort(of.bytes_before)} → ${formatBytesShort(of.bytes_after)}`;
  const now = relation === null ? '' : `, now one of ${relation}`;
  const held = of.chunks_held === 0 ? '' : `, ${of.chunks_held} held by others and tried again`;
  return `${COMPRESSION_WORDS[state]} ${of.chunks_done} of ${formatNumberOf(of.chunks_total, 'chunk')}${sizes}${held}${now}`;
}

const CUTOVER_WORDS = { running: 'running', done: 'done', failed: 'FAILED' } as const;

/**
 * One event for people who read a log: a line, several where the event has a list, or null when it says nothing to
 * them. Pure; the time is put in front by whoever prints it.
 */
export function formatLine(event: EngineEvent): string | null {
  switch (event.type) {
    case 'phase':
      return PHASE_LINES[event.phase];
    case 'check':
      return checkLine(event);
    case 'plan': {
      const bytes = event.tables.reduce((sum, table) => sum + table.bytes, 0);
      return `Plan: ${event.tables.length} tables, ${formatBytesShort(bytes)}, ${event.indexes_total} indexes`;
    }
    case 'snapshot':
      return `Snapshot taken at ${event.lsn}, replication slot ${event.slot}, ${event.tables} tables`;
    case 'table':
      return tableLine(event);
    case 'index':
      if (event.state === 'building') return null;
      return `Built index ${event.name} on ${event.relation}${event.ms === undefined ? '' : ` in ${formatMs(event.ms)}`}`;
    case 'replay':
      return lagLine(event);
    case 'warning':
      return `WARNING: ${event.text}`;
    case 'log':
      return event.text;
    case 'retry':
      return retryLine(event);
    case 'healed':
      return `Works again: ${event.what}`;
    case 'schema_changes':
      return event.changes.length === 0 ? null : event.changes.map(schemaChangeLine).join('\n');
    case 'definition_changes':
      return event.changes.length === 0 ? null : event.changes.map(definitionChangeLine).join('\n');
    case 'gate':
      return `Cut-over condition ${event.ok ? 'met' : 'not met'}: ${event.title}${event.detail === '' ? '' : `: ${event.detail}`}`;
    case 'cutover':
      return `Cut-over ${event.step}: ${CUTOVER_WORDS[event.state]}${event.detail === '' ? '' : `: ${event.detail}`}`;
    case 'error':
      return formatError(event.error);
    case 'done':
      return [
        ...event.summary,
        ...passwordSteps(event.roles_without_password ?? []),
        ...(event.source_read_only === undefined ? [] : nextSteps(event.source_read_only, 'clean --unfreeze')),
        `Downtime: ${formatMs(event.downtime_ms)}`,
        'Migration successfully completed',
      ].join('\n');
    case 'compression':
      return compressionLine(event);
    case 'slot':
    case 'spool':
      return null;
    default:
      return event satisfies never;
  }
}

/** Every hint of an operator's trouble is part of its line: without it nothing gets better. */
function retryLine({ what, policy, error, retry_ms }: Extract<EngineEvent, { type: 'retry' }>): string {
  const line = `${what}: ${troubleReason({ what, ...error })}`;
  return policy === 'retry'
    ? `Trying again in ${formatMs(retry_ms)}: ${line}`
    : `Waiting for you, looking again in ${formatMs(retry_ms)}: ${line}\n  → ${error.hint}`;
}
