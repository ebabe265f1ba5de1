import { liftFreeze } from '../engine/clean/freeze.ts';
import { migrationOptionsSchema } from '../engine/options.ts';
import { EngineClient } from '../engine/process/client.ts';
import { launchEngine } from '../engine/process/launch.ts';
import { readMigrationFile, readProgressFile, writeProgressFile } from '../engine/process/work-directory.ts';
import { initialProgress } from '../engine/progress.ts';
import { readMigration } from '../engine/target/progress-schema.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { withClient } from '../postgres/connect.ts';
import { parseConnectionString } from '../postgres/connection-string.ts';
import { readHypertableRows } from '../providers/hypertables/rows.ts';
import type { EngineLink, ServerReport, WizardInput, WizardServices } from '../state/services.ts';
import { checkServices } from './check-services.ts';
import type { CommandContext } from './context.ts';
import { engineProgram } from './engine.ts';
import { identityServices } from './identity-services.ts';
import { summarize } from './plan-summary.ts';
import { probeServer } from './probe-server.ts';
import { rememberConnections, rememberedConnections } from './remembered.ts';

const SESSION = { application: 'wizard' } as const;

/** What the wizard asks for, answered by the real servers and the real engine process. */
export function wizardServices(context: CommandContext): WizardServices {
  const { directory, env } = context;
  const settings = (text: string) => parseConnectionString(text, env);
  const { walPerSecond, ...checks } = checkServices(context);
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
    ...checks,
    ...identityServices(context),
    hypertables: (input) =>
      withClient(settings(input.source), { side: 'source', ...SESSION }, (source) =>
        withClient(settings(input.target), { side: 'target', ...SESSION }, (target) =>
          readHypertableRows(source, target, input.options),
        ),
      ),
    plan: (input) =>
      withClient(settings(input.source), { side: 'source', ...SESSION }, (source) =>
        withClient(settings(input.target), { side: 'target', ...SESSION }, async (target) =>
          summarize(input, {
            source,
            target,
            directory,
            walPerSecond: await walPerSecond(settings(input.source), source),
          }),
        ),
      ),
    start: (input) => launch(input, false),
    async attach() {
      const client = await EngineClient.attach(directory);
      if (client) return linkTo(client);
      throw new MigrateError('TM1306', { side: 'local', object: directory, message: 'no engine answers' });
    },
    async unfreeze(connections) {
      await withClient(settings(connections.target), { side: 'target', ...SESSION }, (target) =>
        withClient(settings(connections.source), { side: 'source', ...SESSION }, async (source) =>
          liftFreeze({ source, target, migration: await readMigration(target), unfreeze: true }),
        ),
      );
      const progress = await readProgressFile(directory);
      if (progress) await writeProgressFile(directory, { ...progress, source_read_only: false });
    },
    async resume(connections) {
      const file = await readMigrationFile(directory);
      return launch({ ...connections, options: file?.options ?? migrationOptionsSchema.parse({}) }, true);
    },
  };
}

function linkTo(client: EngineClient): EngineLink {
  return {
    progress: client.progress,
    readonly: false,
    onEvent: (listener) => client.onEvent(listener),
    onClose: (listener) => client.onClose(listener),
    cutover: (request) => client.request({ action: 'cutover', ...request }),
    carryOver: (changes) => client.request({ action: 'carry-over', changes: [...changes] }),
    resync: () => client.request({ action: 'resync', tables: [] }),
    stop: () => client.request({ action: 'stop' }),
    detach: () => client.detach(),
  };
}
