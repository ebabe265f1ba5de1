import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ProviderId } from '../../src/engine/options.ts';
import { terminalSvg } from './terminal-svg.ts';

/**
 * Pictures of the wizard's screens, taken from the real thing: the whole wizard, its screen writer and a terminal in
 * memory; only the services are played. `node frames.js DIRECTORY` writes them.
 */

// Ink asks the environment for colours when it is loaded, which is why it is loaded below and not above.
process.env.FORCE_COLOR = '1';

export interface Frame {
  readonly name: string;
  readonly svg: string;
}

/** The tabs that the way through the wizard does not come to. */
const TABS = [
  ['rds', 'the tab of Amazon RDS and Aurora'],
  ['mst', 'the tab of Managed Service for TimescaleDB'],
  ['selfhosted-timescaledb', 'the tab of a self-hosted TimescaleDB'],
] as const;

async function tabFrame(provider: ProviderId, title: string): Promise<Frame> {
  const { openWizard } = await import('../../test/terminal/open-wizard.ts');
  const { SOURCE_URI, TARGET_URI } = await import('../../test/terminal/shop.ts');
  const { SOURCE_KINDS } = await import('../../test/terminal/source-kinds.ts');
  const { report: sourceReport, checks, steps } = SOURCE_KINDS[provider];
  const prefill = { source: SOURCE_URI, target: TARGET_URI };
  const wizard = openWizard({ columns: 96, rows: 28, prefill, sourceReport, checks, steps });
  await wizard.shows('18 ms away');
  wizard.press('enter');
  await wizard.shows('(detected)');
  await wizard.shows(/\d failed, \d steps? to tick/);
  await wizard.settled();
  const svg = terminalSvg(wizard.terminal.xterm, `tiger-migrate-tui: ${title}`);
  wizard.press({ type: 'q' });
  await wizard.ended;
  return { name: `checks-${provider}`, svg };
}

export async function renderFrames(): Promise<Frame[]> {
  const { MOMENT, openWizard } = await import('../../test/terminal/open-wizard.ts');
  const { compressionSteps, copySteps, cutoverSteps, replaySteps } = await import(
    '../../test/terminal/scripted-migration.ts'
  );
  const { SOURCE_URI, TARGET_URI } = await import('../../test/terminal/shop.ts');
  const frames: Frame[] = [];
  const wizard = openWizard({ columns: 96, rows: 28, prefill: { source: SOURCE_URI, target: TARGET_URI } });
  const { terminal, services } = wizard;
  let time = MOMENT;

  const say = (steps: Iterator<Parameters<typeof services.engine.say>[0][]>, count: number): void => {
    for (let at = 0; at < count; at += 1) {
      const step = steps.next();
      if (step.done) break;
      time += 500;
      for (const payload of step.value) services.engine.say(payload, time);
    }
    wizard.at(time);
  };
  const take = async (name: string, title: string, part: string | RegExp): Promise<void> => {
    await wizard.shows(part);
    await wizard.settled();
    frames.push({ name, svg: terminalSvg(terminal.xterm, `tiger-migrate-tui: ${title}`) });
  };

  await take('connect', 'connection form, both servers found', '18 ms away');
  wizard.press('enter');
  await take('checks', 'a failing check of a self-hosted PostgreSQL, with its fix', '1 failed');
  for (const [provider, title] of TABS) frames.push(await tabFrame(provider, title));
  // What fails is mended, so that the way is open.
  wizard.press({ type: 'a' });
  await wizard.shows('Run this on the source?');
  wizard.press({ type: 'y' });
  await take(
    'checks-restart',
    'a fix was run; the tab waits for the restart of the source',
    'restart of the source needed',
  );
  services.restart();
  await wizard.shows('0 failed');
  wizard.press('enter');
  await take('identity', 'tables without replica identity', 'sessions_token_key');
  wizard.press({ type: 'A' });
  await wizard.shows('Run this on the source?');
  wizard.press({ type: 'y' });
  await wizard.shows('Enter goes on');
  wizard.press('enter');
  await take('hypertables', 'plain tables that may be hypertables', 'none of 3 tables chosen');
  wizard.press('enter');
  await take('plan', 'the plan and its filters', '14 tables, 296MiB');
  wizard.press('enter');
  await wizard.shows('Start the migration?');
  wizard.press({ type: 'y' });
  await wizard.shows('safe to close');
  const copy = copySteps();
  say(copy, 22);
  await take('dashboard', 'copying, table by table', 'indexes');
  say(copy, Number.POSITIVE_INFINITY);
  const replay = replaySteps();
  say(replay, 11);
  await take('replay', 'replaying the changes of the source', 'Live-replay will complete in');
  say(replay, 40);
  await wizard.shows('Target has caught up');
  wizard.press({ type: 'c' });
  await wizard.shows('type tsdb');
  wizard.press({ type: 'tsdb' });
  await take('cutover', 'the conditions of the cut-over and its confirmation', 'confirmed');
  say(cutoverSteps(), Number.POSITIVE_INFINITY);
  await take('done', 'the end', 'Migration successfully completed');
  say(compressionSteps(), 17);
  await take('done-compressing', 'the end, while old chunks are compressed', 'compressing 16 of 48 chunks');
  wizard.press({ type: 'q' });
  await wizard.ended;
  return frames;
}

const [, script, directory] = process.argv;
if (directory !== undefined && script === fileURLToPath(import.meta.url)) {
  await mkdir(directory, { recursive: true });
  for (const { name, svg } of await renderFrames()) await writeFile(`${directory}/${name}.svg`, svg);
}
