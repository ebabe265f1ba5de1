import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { prepareWorkDirectory } from '../engine/process/work-directory.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { withClient } from '../postgres/connect.ts';
import { type ConnectionSettings, describeServer, parseConnectionString } from '../postgres/connection-string.ts';
import { createAsk } from '../providers/fact.ts';
import { type ServerFacts, server } from '../providers/facts/server.ts';
import { type Workload, workload } from '../providers/facts/workload.ts';
import { runChecks } from '../providers/index.ts';
import type { WizardInput, WizardServices } from '../state/services.ts';
import { CHECK_REPORT_NAME, checkReport, serversOfReport, unreachable, writeReport } from './check-report.ts';
import type { CommandContext } from './context.ts';
import { type HandStepsInput, handSteps, tickSteps } from './hand-steps.ts';
import { createRestartWatch, type RestartWatch } from './restart-watch.ts';
import { runStatements } from './run-statements.ts';

const SESSION = { application: 'wizard' } as const;

export type CheckServices = Pick<
  WizardServices,
  'runChecks' | 'applyFix' | 'awaitRestart' | 'steps' | 'tick' | 'saveReport'
> & {
  /** Bytes a second that the source writes to its WAL, as the checks measured it; null: not known. */
  walPerSecond(settings: ConnectionSettings, source: pg.Client): Promise<number | null>;
};

/** What the wizard's tabs ask for, answered by the real servers. */
export function checkServices({ directory, env }: Pick<CommandContext, 'directory' | 'env'>): CheckServices {
  const settings = (text: string) => parseConnectionString(text, env);
  const watch = createRestartWatch();
  /** Bytes of WAL a second as last measured, by the source's address. */
  const written = new Map<string, number | null>();
  const handInput = (input: WizardInput): HandStepsInput => ({
    directory,
    source: settings(input.source),
    target: settings(input.target),
    provider: input.provider,
  });
  const onBoth = <T>(
    input: WizardInput,
    signal: AbortSignal | undefined,
    use: (source: pg.Client, target: pg.Client) => Promise<T>,
  ): Promise<T> => {
    const session = { ...SESSION, ...(signal ? { signal } : {}) };
    return withClient(settings(input.source), { side: 'source', ...session }, (source) =>
      withClient(settings(input.target), { side: 'target', ...session }, (target) => use(source, target)),
    );
  };

  return {
    async runChecks(input, onResult, signal) {
      const { source: sourceSettings, target: targetSettings } = handInput(input);
      await onBoth(input, signal, async (source, target) => {
        const ask = createAsk({ source, target });
        await noteStart(watch, sourceSettings, ask('source', server));
        await noteStart(watch, targetSettings, ask('target', server));
        const { options, provider } = input;
        const context = { source, target, sourceSettings, targetSettings, options, provider, signal, ask };
        await runChecks({ ...context, workDirectory: directory, resuming: false }, onResult);
        const measured = await ask('source', workload).then(walPerSecond, () => null);
        written.set(describeServer(sourceSettings), measured);
      });
    },
    async applyFix(input, { id, apply }) {
      if (!apply) throw new MigrateError('TM1001', { message: `the check ${id} has no fix to run` });
      const text = apply.side === 'source' ? input.source : input.target;
      await withClient(settings(text), { side: apply.side, ...SESSION }, (client) =>
        runStatements(client, apply.sql, apply.side),
      );
    },
    awaitRestart: (input, side, signal) => watch.restarted(settings(input[side]), side, signal),
    steps: async (input) => handSteps(handInput(input)),
    tick: async (input, id, ticked) => tickSteps(handInput(input), [id], ticked),
    async saveReport(input, results) {
      const { source, target } = handInput(input);
      const path = join(directory, CHECK_REPORT_NAME);
      const servers = await onBoth(input, undefined, (onSource, onTarget) =>
        serversOfReport({ source: onSource, target: onTarget }, input.options),
      ).catch((error: unknown) => unreachable(error));
      const { provider, options } = input;
      await prepareWorkDirectory(directory);
      // A new file: an older one may be open to others.
      await rm(path, { force: true });
      await writeReport(
        path,
        checkReport({ source, target, provider, options, results, steps: handSteps(handInput(input)), ...servers }),
      );
      return path;
    },
    async walPerSecond(sourceSettings, source) {
      const address = describeServer(sourceSettings);
      const known = written.get(address);
      if (known !== undefined) return known;
      const ask = createAsk({ source, target: source });
      const measured = await ask('source', workload).then(walPerSecond, () => null);
      written.set(address, measured);
      return measured;
    },
  };
}

/** A server that can't be asked is the checks' business: they say what is wrong with it. */
async function noteStart(
  watch: RestartWatch,
  settings: ConnectionSettings,
  facts: Promise<ServerFacts>,
): Promise<void> {
  const known = await facts.catch(() => null);
  if (known) watch.saw(settings, known.started);
}

/** As a rule or now, whichever is more. */
const walPerSecond = ({ walNow, walAverage }: Workload): number | null =>
  walNow === null && walAverage === null ? null : Math.max(walNow ?? 0, walAverage ?? 0);
