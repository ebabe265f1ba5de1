import type { Application } from './application.ts';
import { FAULTS } from './faults.ts';
import type { Migration } from './migration.ts';
import type { RoundPlan } from './plan.ts';
import { type Servers, TARGET_DATABASE } from './servers.ts';
import { countUp, type Tally } from './tally.ts';

export interface CutOverInput {
  readonly plan: RoundPlan;
  readonly servers: Servers;
  readonly migration: Migration;
  readonly application: Application;
  readonly disk: string | null;
  readonly tally: Tally;
  readonly onStep: (text: string) => void;
}

/** What a cut-over may be refused with, so that it is asked for again: locked, still written, interrupted. */
const ASK_AGAIN = /^(TM6002|TM6001|TM1109|TM5003|TM1306|TM1110|TM6004|Interrupted)/;
/** However often it is refused or cut off meanwhile. */
const PATIENCE_MS = 600_000;

/** Asks for the cut-over until it is done; the faults that are planned for it hit one after the other. */
export async function cutOver(input: CutOverInput): Promise<void> {
  const { plan, servers, migration, application, tally, onStep } = input;
  const faults = plan.faults.filter(({ phase }) => phase === 'cutover');
  if (!plan.freeze) {
    onStep('the application stops');
    await application.stop();
  }
  application.preparesNothing = true;
  await application.endPrepared(servers.sourceAdmin);
  const deadline = performance.now() + PATIENCE_MS;
  for (let request = 0; !migration.done; request += 1) {
    if (performance.now() > deadline)
      throw new Error(`the cut-over was asked for ${request} times in ${PATIENCE_MS / 1000} s`);
    onStep('cut-over');
    await migration.until(
      () =>
        migration.phase === 'replay' &&
        migration.gate('caught-up') &&
        migration.gate('damaged') &&
        (plan.freeze || migration.gate('writers')),
      'the conditions of a cut-over',
    );
    // Prepared meanwhile, by an application that nobody has stopped yet.
    await application.endPrepared(servers.sourceAdmin).catch(() => undefined);
    const asked = ask(input);
    const fault = faults.shift();
    if (fault) {
      const from = migration.events.length;
      const begun = () =>
        migration.events.slice(from).some((event) => event.type === 'cutover' && event.state === 'running');
      await migration
        .until(() => begun() || migration.of('phase').length === 0, 'the cut-over to begin', 20_000)
        .catch(() => undefined);
      if (!migration.done) {
        onStep(`cut-over: ${fault.name}`);
        const happened = await FAULTS[fault.name]({ ...input, tables: plan.schema.tables, number: fault.number });
        if (happened) countUp(tally.faults, fault.name);
        if (happened && begun()) countUp(tally.faults, 'during the cut-over');
      }
    }
    await asked;
  }
}

/** One request; resolves when it is known what came of it. */
async function ask({ plan, migration }: CutOverInput): Promise<void> {
  if (plan.request === 'command') {
    const { code, stderr } = await migration.command('cutover', [
      '--confirm',
      TARGET_DATABASE,
      ...(plan.freeze ? ['--freeze-source'] : []),
    ]);
    if (code === 0) await migration.until(() => false, 'the end of the engine', 60_000);
    else if (!ASK_AGAIN.test(stderr)) migration.complaints.push(`cutover ended with ${code}: ${stderr}`);
    return;
  }
  const from = migration.events.length;
  if (plan.request === 'signal') migration.signal('SIGUSR1');
  const answered = () =>
    migration.events
      .slice(from)
      .some(
        (event) =>
          event.type === 'error' ||
          (event.type === 'warning' && /cut-over|Interrupted/i.test(event.text)) ||
          (event.type === 'cutover' && event.state === 'failed') ||
          (event.type === 'phase' && event.phase !== 'cutover'),
      );
  await migration.until(answered, 'the end of the cut-over', 120_000);
  if (migration.events.slice(from).some((event) => event.type === 'done'))
    await migration.until(() => false, 'the end of the engine', 60_000);
}
