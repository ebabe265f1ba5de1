import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
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

export async function renderFrames(): Promise<Frame[]> {
  const { MOMENT, openWizard } = await import('../../test/terminal/open-wizard.ts');
  const { copySteps, cutoverSteps, replaySteps } = await import('../../test/terminal/scripted-migration.ts');
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
  await take('checks', 'checks of a self-hosted source', '1 failed');
  // What fails is mended, so that the way is open.
  wizard.press({ type: 'a' });
  await wizard.shows('Run this on the source?');
  wizard.press({ type: 'y' });
  await wizard.shows('restart the server');
  wizard.press({ type: 'r' });
  await wizard.shows('0 failed');
  wizard.press('enter');
  await take('identity', 'tables without replica identity', 'sessions_token_key');
  wizard.press({ type: 'A' });
  await wizard.shows('Run this on the source?');
  wizard.press({ type: 'y' });
  await wizard.shows('without a choice');
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
  wizard.press({ type: 'q' });
  await wizard.ended;
  return frames;
}

const [, script, directory] = process.argv;
if (directory !== undefined && script === fileURLToPath(import.meta.url)) {
  await mkdir(directory, { recursive: true });
  for (const { name, svg } of await renderFrames()) await writeFile(`${directory}/${name}.svg`, svg);
}
