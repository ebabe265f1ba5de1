// First of all, and no JSX in this file: its runtime would be loaded before anything that is imported here.
import './terminal/react-in-production.ts';
import { render } from 'ink';
import { createElement } from 'react';
import { MigrateError } from './errors/migrate-error.ts';
import { Wizard } from './screens/root.tsx';
import { farewell } from './state/farewell.ts';
import { initialModel, type WizardPrefill } from './state/model.ts';
import { createPerformer } from './state/perform.ts';
import type { WizardServices } from './state/services.ts';
import { createStore } from './state/store.ts';
import { update } from './state/update.ts';
import { inputOfKnownKeys } from './terminal/known-keys.ts';
import { openTerminal } from './terminal/lifecycle.ts';
import { restoreNodeEnv } from './terminal/react-in-production.ts';
import { createScreenWriter } from './terminal/screen-writer.ts';
import { createTheme } from './ui/theme.ts';

restoreNodeEnv();

export type { WizardPrefill } from './state/model.ts';

export interface WizardOptions {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Attach to look only. */
  readonly watch?: boolean;
  readonly prefill?: WizardPrefill;
  /** The command that comes back to this migration, for the line after leaving. */
  readonly comeBack?: string;
  /** The servers, the engine and the data end with the screen. */
  readonly isDemo?: boolean;
  /** How long typing must rest before a server is asked. */
  readonly debounceMs?: number;
  readonly tickMs?: number;
  /** Milliseconds since the epoch; for frames that do not depend on the hour. */
  readonly clock?: () => number;
}

/** What turns and counts on the screen moves twice a second: more costs the machine that copies. */
const TICK_MS = 500;

/**
 * Runs the wizard on a terminal until it is left, and gives the exit code: 0 done, or left while the engine runs; 1
 * failed; 130 left before the engine was started, or after it was stopped on request.
 *
 * Throws TM1001 when stdin or stdout is not a terminal: Ink must not be mounted there.
 */
export async function runWizard(services: WizardServices, options: WizardOptions): Promise<number> {
  const {
    stdin,
    stdout,
    env,
    watch = false,
    isDemo = false,
    comeBack = 'tiger-migrate-tui',
    clock = Date.now,
    tickMs = TICK_MS,
  } = options;
  if (!stdin.isTTY || !stdout.isTTY) {
    throw new MigrateError('TM1001', {
      message: 'the wizard needs a terminal on stdin and stdout',
      side: 'local',
      hint: 'without one, use the commands: check, migrate, status, cutover, verify, clean (see --help)',
    });
  }
  const { debounceMs } = options;
  const performer = createPerformer(services, debounceMs === undefined ? {} : { debounceMs });
  const store = createStore({
    model: initialModel({ now: clock(), watch, isDemo, ...(options.prefill ? { prefill: options.prefill } : {}) }),
    update,
    perform: performer.perform,
  });
  const theme = createTheme(env);
  const writer = createScreenWriter(stdout, { translate: theme.translate });
  const terminal = openTerminal({
    input: stdin,
    screen: stdout,
    onEnd: () => store.dispatch({ type: 'leave-now' }),
    onContinue: () => writer.repaint(),
  });
  const ticking = setInterval(() => store.dispatch({ type: 'tick', now: clock() }), tickMs);
  try {
    const left = new Promise<void>((resolve) => {
      store.subscribe(() => {
        if (store.get().exit !== null) resolve();
      });
    });
    const ink = render(createElement(Wizard, { store, theme }), {
      stdout: writer.stdout,
      stdin: inputOfKnownKeys(stdin),
      debug: true,
      patchConsole: false,
      exitOnCtrlC: false,
    });
    performer.perform({ do: 'open' }, store.dispatch);
    try {
      await Promise.race([left, ink.waitUntilExit()]);
    } finally {
      writer.close();
      ink.unmount();
    }
  } finally {
    clearInterval(ticking);
    store.close();
    performer.close();
    terminal.restore();
  }
  const model = store.get();
  for (const line of farewell(model, comeBack)) stdout.write(`${line}\n`);
  return model.exit ?? 1;
}
