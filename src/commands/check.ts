import { resolve } from 'node:path';
import type { MigrationOptions, ProviderId } from '../engine/options.ts';
import { prepareWorkDirectory } from '../engine/process/work-directory.ts';
import { Resources } from '../engine/resources.ts';
import { type MigrateError, toMigrateError } from '../errors/migrate-error.ts';
import { connect, destroy } from '../postgres/connect.ts';
import type { CheckResult } from '../providers/check.ts';
import { createAsk } from '../providers/fact.ts';
import type { StepItem } from '../providers/step.ts';
import { checkReport, requireWritable, serversOfReport, unreachable, writeReport } from './check-report.ts';
import { bothConnections, type Connections } from './connections.ts';
import type { CommandContext } from './context.ts';
import { type HandStepsInput, handSteps, tickSteps } from './hand-steps.ts';
import { optionsFrom } from './migration-options.ts';
import { optionRemarks } from './plan-remarks.ts';
import { preflight, sourceKind } from './preflight.ts';

export interface CheckFlags {
  /** Steps to tick. */
  readonly tick?: readonly string[];
  /** Where a report in Markdown goes. */
  readonly report?: string;
}

/** What a run of the checks has found so far. */
interface Findings {
  provider: ProviderId | null;
  readonly results: CheckResult[];
  steps: readonly StepItem[];
  report: Awaited<ReturnType<typeof serversOfReport>> | null;
}

/** `check`: all preflight checks and what is to be done by hand; exit code 0, or 3 when a check fails. */
export async function check(context: CommandContext, flags: CheckFlags & Record<string, unknown>): Promise<number> {
  const options = optionsFrom(context, flags);
  const connections = await bothConnections(context);
  const path = flags.report === undefined ? null : resolve(flags.report);
  if (path !== null) await requireWritable(path);
  const findings: Findings = { provider: options.provider, results: [], steps: [], report: null };
  let failure: MigrateError | null = null;
  try {
    await look(context, { options, connections, tick: flags.tick ?? [], wantsReport: path !== null }, findings);
  } catch (error) {
    failure = toMigrateError(error);
  }
  if (path !== null && !context.signal.aborted) {
    const { report, provider, results, steps } = findings;
    const servers = report ?? unreachable(failure);
    const { source, target } = connections;
    await writeReport(path, checkReport({ source, target, provider, options, results, steps, ...servers }));
    context.say(`Report: ${path}`);
  }
  const blocked = failure !== null && findings.results.some(({ status }) => status === 'fail');
  if (failure !== null && !blocked) throw failure;
  const count = (status: CheckResult['status']) => findings.results.filter((result) => result.status === status).length;
  const counts = { pass: count('pass'), warn: count('warn'), fail: count('fail'), info: count('info') };
  const open = findings.steps.filter(({ ticked }) => ticked === null).length;
  context.printJson({ type: 'result', ok: failure === null, ...counts, steps_open: open });
  const byHand = open > 0 ? `, ${open} to do by hand` : '';
  context.say(`${counts.pass} passed, ${counts.warn} to look at, ${counts.fail} failed${byHand}.`);
  if (failure) throw failure;
  return 0;
}

interface Order {
  readonly options: MigrationOptions;
  readonly connections: Connections;
  readonly tick: readonly string[];
  readonly wantsReport: boolean;
}

/** Looks at both servers, telling and noting down what it finds; rejects with the first check that failed. */
async function look(context: CommandContext, order: Order, findings: Findings): Promise<void> {
  const { options, wantsReport } = order;
  const { source, target } = order.connections;
  const { directory, signal } = context;
  // What can be known without the servers is not lost when they don't answer.
  const byHand = (provider: ProviderId): HandStepsInput => ({ directory, source, target, provider });
  if (options.provider !== null) findings.steps = handSteps(byHand(options.provider));
  await using stack = new Resources();
  const open = async (side: 'source' | 'target') => {
    const client = await connect(side === 'source' ? source : target, { side, application: 'check', signal });
    stack.defer(() => destroy(client));
    return client;
  };
  const clients = { source: await open('source'), target: await open('target') };
  const ask = createAsk(clients);
  const detected = await sourceKind({ source: clients.source, emit: context.print, ask });
  const provider = options.provider ?? detected.provider;
  findings.provider = provider;
  if (provider !== detected.provider) {
    const text = `This server looks like ${detected.provider} (${detected.evidence}), and is checked as ${provider}, as --provider says.`;
    context.print({ type: 'warning', text });
  }
  if (detected.note !== null) context.print({ type: 'warning', text: detected.note });
  findings.steps = await ticked(byHand(provider), order.tick);
  const told = wantsReport ? await serversOfReport(clients, options) : null;
  findings.report = told;
  const remarks = told?.remarks ?? (await optionRemarks(clients.source, options));
  for (const text of remarks) context.print({ type: 'warning', text });
  try {
    await preflight({
      ...clients,
      sourceSettings: source,
      targetSettings: target,
      options: { ...options, provider },
      directory,
      emit: context.print,
      onResult: (result) => findings.results.push(result),
      signal,
      ask,
    });
  } finally {
    tellSteps(context, findings.steps);
  }
}

async function ticked(input: HandStepsInput, ids: readonly string[]): Promise<readonly StepItem[]> {
  if (ids.length === 0) return handSteps(input);
  await prepareWorkDirectory(input.directory);
  return tickSteps(input, ids, true);
}

function tellSteps(context: CommandContext, steps: readonly StepItem[]): void {
  if (steps.length === 0 || context.signal.aborted) return;
  for (const { id, title, why, how, ticked: at } of steps) {
    context.printJson({ type: 'step', id, title, why, how, ticked: at });
  }
  context.say('To be done by hand; check --tick ID ticks it:');
  for (const { id, title, why, how, ticked: at } of steps) {
    context.say(`  [${at === null ? ' ' : 'x'}] ${title} (${id})`);
    if (at === null) for (const line of [why, ...how]) context.say(`      ${line}`);
  }
}
