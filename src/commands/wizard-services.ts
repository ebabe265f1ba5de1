import type pg from 'pg';
import { planParts } from '../engine/copy/parts.ts';
import { explain } from '../engine/error-policy.ts';
import { migrationOptionsSchema } from '../engine/options.ts';
import { EngineClient } from '../engine/process/client.ts';
import { launchEngine } from '../engine/process/launch.ts';
import { readMigrationFile, readProgressFile } from '../engine/process/work-directory.ts';
import { initialProgress } from '../engine/progress.ts';
import { readRoles } from '../engine/schema/roles.ts';
import { holdsRows, readTables, type SourceTable, selection } from '../engine/source/catalog.ts';
import { chooseJobs } from '../engine/target/jobs.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { withClient } from '../postgres/connect.ts';
import { parseConnectionString } from '../postgres/connection-string.ts';
import { displayName } from '../postgres/identifiers.ts';
import { firstRow } from '../postgres/query.ts';
import { runChecks, tablesWithoutIdentity } from '../providers/index.ts';
import type { EngineLink, PlanSummary, ServerReport, WizardInput, WizardServices } from '../state/services.ts';
import type { CommandContext } from './context.ts';
import { engineProgram } from './engine.ts';
import { probeServer } from './probe-server.ts';
import { rememberConnections, rememberedConnections } from './remembered.ts';

const FIX_LOCK_TIMEOUT = '5s';
const SESSION = { application: 'wizard' } as const;

/** What the wizard asks for, answered by the real servers and the real engine process. */
export function wizardServices(context: CommandContext): WizardServices {
  const { directory, env } = context;
  const settings = (text: string) => parseConnectionString(text, env);
  const onSource = <T>(input: WizardInput, use: (client: pg.Client) => Promise<T>): Promise<T> =>
    withClient(settings(input.source), { side: 'source', ...SESSION }, use);
  const launch = async (input: Omit<WizardInput, 'provider'>, resume: boolean): Promise<EngineLink> => {
    rememberConnections(directory, input);
    const { source, target, options } = input;
    return linkTo(
      await launchEngine(engineProgram(), { source, target, directory, options, resume, waitForGo: false }),
    );
  };

  return {
    async findMigration() {
      const client = await EngineClient.attach(directory);
      client?.detach();
      const file = await readMigrationFile(directory);
      const progress = client?.progress ?? (await readProgressFile(directory));
      if (!file || (!progress && !client)) return null;
      return {
        running: client !== null,
        progress: progress ?? initialProgress({ migration_id: file.id, source: '', target: '', target_database: '' }),
        source: file.source,
        target: file.target,
      };
    },
    async prefill() {
      const remembered = rememberedConnections(directory);
      return {
        source: context.flags.source ?? env.SOURCE ?? env.PGCOPYDB_SOURCE_PGURI ?? remembered.source,
        target: context.flags.target ?? env.TARGET ?? env.PGCOPYDB_TARGET_PGURI ?? remembered.target,
      };
    },
    probe: (side, text, signal): Promise<ServerReport> => probeServer(settings(text), side, signal),
    async runChecks(input, onResult, signal) {
      const [source, target] = [settings(input.source), settings(input.target)];
      await withClient(source, { side: 'source', ...SESSION, signal }, (sourceClient) =>
        withClient(target, { side: 'target', ...SESSION, signal }, (targetClient) =>
          runChecks(
            {
              source: sourceClient,
              target: targetClient,
              sourceSettings: source,
              targetSettings: target,
              options: input.options,
              provider: input.provider,
              workDirectory: directory,
              resuming: false,
              signal,
            },
            onResult,
          ),
        ),
      );
    },
    async applyFix(input, result) {
      const apply = result.apply;
      if (!apply) throw new MigrateError('TM1001', { message: `the check ${result.id} has no fix to run` });
      const text = apply.side === 'source' ? input.source : input.target;
      await withClient(settings(text), { side: apply.side, ...SESSION }, (client) =>
        runAll(client, apply.sql, apply.side),
      );
    },
    identities: (input) => onSource(input, (client) => tablesWithoutIdentity(client, input.options)),
    applyIdentity: (input, choice) => onSource(input, (client) => runAll(client, choice.sql, 'source')),
    plan: (input) =>
      onSource(input, (source) =>
        withClient(settings(input.target), { side: 'target', ...SESSION }, (target) =>
          summarize(input, source, target),
        ),
      ),
    start: (input) => launch(input, false),
    async attach() {
      const client = await EngineClient.attach(directory);
      if (client) return linkTo(client);
      throw new MigrateError('TM1306', { side: 'local', object: directory, message: 'no engine answers' });
    },
    async resume(connections) {
      const file = await readMigrationFile(directory);
      return launch({ ...connections, options: file?.options ?? migrationOptionsSchema.parse({}) }, true);
    },
  };
}

/** Statement by statement, outside a transaction (ALTER SYSTEM, CREATE INDEX CONCURRENTLY), never waiting long for a lock. */
async function runAll(client: pg.Client, sql: readonly string[], side: 'source' | 'target'): Promise<void> {
  await client.query(`SET lock_timeout = '${FIX_LOCK_TIMEOUT}'`);
  for (const statement of sql) {
    await client.query(statement).catch((error: unknown) => {
      throw explain(error, {
        code: 'TM1212',
        retryCode: 'TM1110',
        side,
        doing: `the server refused ${statement}`,
        hint: 'Run it yourself as a role that may, then check again.',
      });
    });
  }
}

function linkTo(client: EngineClient): EngineLink {
  return {
    progress: client.progress,
    readonly: false,
    onEvent: (listener) => client.onEvent(listener),
    onClose: (listener) => client.onClose(listener),
    cutover: (request) => client.request({ action: 'cutover', ...request }),
    stop: () => client.request({ action: 'stop' }),
    detach: () => client.detach(),
  };
}

/** A rough figure for text and binary rows with their indexes over one good network connection. */
const COPY_BYTES_PER_SECOND_AND_JOB = 25 * 1024 * 1024;
const MAXIMUM_PARTS = 10_000;

async function summarize({ options }: WizardInput, source: pg.Client, target: pg.Client): Promise<PlanSummary> {
  const tables = await readTables(source);
  const jobs = await chooseJobs(source, target, options);
  const copied = tables.filter((table) => holdsRows(table) && selection(table, options) === 'all');
  const { version, indexes } = await firstRow<{ version: string; indexes: string }>(
    source,
    `SELECT current_setting('server_version_num') AS version, (SELECT count(*) FROM pg_index i WHERE i.indrelid = ANY ($1::oid[])) AS indexes`,
    [`{${tables.map((table) => table.oid).join(',')}}`],
  );
  const parts = new Map(
    planParts(copied, options.splitTablesLargerThan, Number(version), MAXIMUM_PARTS).map((part) => [
      part.table.oid,
      part.parts,
    ]),
  );
  const bytes = copied.reduce((sum, table) => sum + table.bytes, 0);
  const extensions = await source.query<{ name: string }>(
    `SELECT extname AS name FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1`,
  );
  const skips = (name: string) => options.skipExtensions === 'all' || options.skipExtensions.includes(name);
  return {
    tables: copied
      .sort((a, b) => b.bytes - a.bytes)
      .map((table) => ({
        relation: displayName(table),
        bytes: table.bytes,
        rows: table.rows,
        parts: parts.get(table.oid) ?? 1,
        note: noteOn(table),
      })),
    skipped: tables.flatMap((table) => {
      const why = whySkipped(table, selection(table, options));
      return why ? [{ object: displayName(table), why }] : [];
    }),
    extensions: extensions.rows.map((row) => row.name).filter((name) => !skips(name)),
    roles: options.skipRoles ? [] : (await readRoles(source)).map((role) => role.name),
    bytes,
    indexes: Number(indexes),
    tableJobs: jobs.tables,
    indexJobs: jobs.indexes,
    estimateSeconds: bytes === 0 ? null : bytes / (COPY_BYTES_PER_SECOND_AND_JOB * jobs.tables),
  };
}

function noteOn(table: SourceTable): string {
  if (table.kind === 'unlogged') return 'unlogged: copied again at cut-over';
  return table.hasIdentity ? '' : 'inserts only';
}

function whySkipped(table: SourceTable, selected: ReturnType<typeof selection>): string | null {
  if (selected === 'excluded') return 'left out on request';
  if (table.kind === 'foreign') return 'foreign table: its rows are elsewhere';
  return selected === 'schema-only' && holdsRows(table) ? 'schema only, on request' : null;
}
