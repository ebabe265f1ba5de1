import { access, constants, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type pg from 'pg';
import type { MigrationOptions, ProviderId } from '../engine/options.ts';
import { type ErrorReport, formatError, MigrateError, toMigrateError } from '../errors/migrate-error.ts';
import { type ConnectionSettings, describeServer } from '../postgres/connection-string.ts';
import { firstRow } from '../postgres/query.ts';
import type { CheckResult } from '../providers/check.ts';
import { tablesWithoutIdentity } from '../providers/index.ts';
import type { StepItem } from '../providers/step.ts';
import { formatMoment } from '../terminal/format.ts';
import { VERSION } from '../version.ts';
import { optionRemarks } from './plan-remarks.ts';

/** The report's name in a work directory. */
export const CHECK_REPORT_NAME = 'check-report.md';

/** What both servers say for the report; null where nobody could be asked. */
export interface ReportServers {
  readonly sourceVersion: string | null;
  readonly targetVersion: string | null;
  readonly withoutIdentity: readonly string[] | null;
  /** What the options don't do as somebody may think. */
  readonly remarks: readonly string[];
  /** Why the servers could not be asked. */
  readonly failure: ErrorReport | null;
}

export interface CheckReport extends ReportServers {
  readonly source: ConnectionSettings;
  readonly target: ConnectionSettings;
  readonly provider: ProviderId | null;
  readonly options: MigrationOptions;
  readonly results: readonly CheckResult[];
  readonly steps: readonly StepItem[];
}

/** Asks both servers for what the report says of them. */
export async function serversOfReport(
  clients: { readonly source: pg.Client; readonly target: pg.Client },
  options: MigrationOptions,
): Promise<ReportServers> {
  const tables = await tablesWithoutIdentity(clients.source, options);
  return {
    remarks: await optionRemarks(clients.source, options),
    sourceVersion: await versionOf(clients.source),
    targetVersion: await versionOf(clients.target),
    withoutIdentity: tables.map(({ relation }) => relation),
    failure: null,
  };
}

/** What stands in for `serversOfReport` when a server can't be asked. */
export const unreachable = (error: unknown): ReportServers => ({
  sourceVersion: null,
  targetVersion: null,
  withoutIdentity: null,
  remarks: [],
  failure: toMigrateError(error).report(),
});

async function versionOf(client: pg.Client): Promise<string> {
  const { version, timescaledb } = await firstRow<{ version: string; timescaledb: string | null }>(
    client,
    `SELECT current_setting('server_version') AS version,
            (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb`,
  );
  return `PostgreSQL ${version}${timescaledb === null ? '' : `, TimescaleDB ${timescaledb}`}`;
}

/** Backticks around text that may hold some itself. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  const pad = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${text}${pad}${fence}`;
}

/** Lines as they are, in a block below a list item. */
function block(lines: readonly string[]): string[] {
  const longest = Math.max(2, ...lines.flatMap((line) => [...line.matchAll(/`+/g)].map(([ticks]) => ticks.length)));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}text`, ...lines, fence].map((line) => `  ${line}`);
}

const prose = (text: string): string => text.replaceAll('\n', ' ').replace(/[\\*<[`]/g, '\\$&');

const address = (settings: ConnectionSettings, version: string | null): string =>
  `${code(describeServer(settings))} as ${code(settings.user)}, sslmode ${settings.sslmode}${version === null ? '' : `, ${version}`}`;

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', `## ${title}`, '', ...lines];

const inFull = ({ id, side, title, found, wanted, why, fix, code: error }: CheckResult): string[] => [
  `### ${prose(title)}`,
  '',
  `- ${code(id)}, ${side}${error === null ? '' : `, ${error}`}`,
  ...(found.includes('\n') ? ['- found:', '', ...block(found.split('\n')), ''] : [`- found: ${prose(found)}`]),
  `- wanted: ${prose(wanted)}`,
  `- why: ${prose(why)}`,
  '- fix:',
  '',
  ...block(fix.split('\n')),
  '',
];

const brief = ({ title, side, found }: CheckResult): string => `- ${prose(title)} (${side}): ${prose(found)}`;

const stepLines = ({ id, title, ticked }: StepItem): string =>
  `- [${ticked === null ? ' ' : 'x'}] ${prose(title)} (${code(id)}${ticked === null ? '' : `, ticked ${formatMoment(ticked)}`})`;

/** Options that differ from what is taken when nothing is said. */
const optionLines = (options: MigrationOptions): string[] =>
  Object.entries(options)
    .filter(([, value]) => value !== null && value !== false && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `- ${name}: ${code(Array.isArray(value) ? value.join(' ') : String(value))}`);

/**
 * What the checks found, as Markdown for a ticket. Of the connections it has host, port, database and user only: no
 * connection string gets here.
 */
export function checkReport(report: CheckReport, now = new Date()): string {
  const { source, target, provider, options, results, steps, withoutIdentity, failure } = report;
  const having = (status: CheckResult['status']) => results.filter((result) => result.status === status);
  const counts = `${having('pass').length} passed, ${having('warn').length} to look at, ${having('fail').length} failed`;
  const lines = [
    '# Checks before the migration',
    '',
    `- ${formatMoment(now.toISOString())}, tiger-migrate-tui ${VERSION}`,
    `- source: ${address(source, report.sourceVersion)}`,
    `- target: ${address(target, report.targetVersion)}`,
    `- source kind: ${provider ?? 'not known'}`,
    `- ${counts}`,
    ...(failure === null
      ? []
      : ['', 'The servers could not be asked:', '', ...block(formatError(failure).split('\n'))]),
    ...section('Options', optionLines(options)),
    ...section('Failed: must be mended first', having('fail').flatMap(inFull)),
    ...section('To look at', having('warn').flatMap(inFull)),
    ...section('To know', [...report.remarks.map((text) => `- ${prose(text)}`), ...having('info').map(brief)]),
    ...section('Passed', having('pass').map(brief)),
    ...section('Done by hand', steps.map(stepLines)),
    ...section(
      'Tables without replica identity',
      (withoutIdentity ?? []).map((relation) => `- ${code(relation)}`),
    ),
  ];
  return `${lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trimEnd()}\n`;
}

const unwritable = (path: string, message: string, cause?: unknown): MigrateError =>
  new MigrateError('TM1001', {
    side: 'local',
    object: path,
    message: `the report can't be written: ${message}`,
    hint: 'Give --report the path of a file, new or to be replaced, in a directory that you may write.',
    cause,
  });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Rejects with TM1001 when the report could not be written there. Changes nothing. */
export async function requireWritable(path: string): Promise<void> {
  const entry = await stat(path).catch(() => null);
  if (entry?.isDirectory()) throw unwritable(path, 'it is a directory');
  // A directory ends in a slash here: a file in its place is told as such.
  await access(entry ? path : `${dirname(path)}/`, constants.W_OK).catch((error: unknown) => {
    throw unwritable(path, messageOf(error), error);
  });
}

/** Writes the report, over an older one, which keeps its mode; a new file is private. Rejects with TM1001. */
export async function writeReport(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 }).catch((error: unknown) => {
    throw unwritable(path, messageOf(error), error);
  });
}
