import { render, useInput } from 'ink';
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { MigrateError } from './errors/migrate-error.ts';
import { WizardScreen } from './screens/wizard.tsx';
import { farewell } from './state/farewell.ts';
import { initialModel, type WizardPrefill } from './state/model.ts';
import { createPerformer } from './state/perform.ts';
import type { WizardServices } from './state/services.ts';
import { createStore, type Store } from './state/store.ts';
import { update } from './state/update.ts';
import { openTerminal } from './terminal/lifecycle.ts';
import { createScreenWriter } from './terminal/screen-writer.ts';
import { useSize } from './terminal/use-size.ts';
import { createKeyNormaliser } from './ui/key-press.ts';
import { messageFor } from './ui/key-table.ts';
import { tablesFor } from './ui/keys/tables.ts';
import { createTheme, type Theme, ThemeContext } from './ui/theme.ts';

export type { WizardPrefill } from './state/model.ts';

export interface WizardOptions {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Attach to look only. */
  readonly watch?: boolean;
  readonly prefill?: WizardPrefill;
  /** The command that comes back to this migration, for the line after leaving; null: there is no coming back. */
  readonly comeBack?: string | null;
  /** How long typing must rest before a server is asked. */
  readonly debounceMs?: number;
  /** Milliseconds since the epoch; for frames that do not depend on the hour. */
  readonly clock?: () => number;
}

const TICK_MS = 250;

/** The root: the store's model as a frame, and the only input hook there is. */
function Wizard({ store, theme }: { store: Store; theme: Theme }) {
  const model = useSyncExternalStore(store.subscribe, store.get);
  const size = useSize();
  const normalise = useMemo(createKeyNormaliser, []);
  const onInput = useCallback<Parameters<typeof useInput>[0]>(
    (input, key) => {
      for (const press of normalise(input, key)) {
        const now = store.get();
        // A second Ctrl-C waits for nothing.
        const impatient = press.key === 'ctrl-c' && now.leaving;
        const message = impatient ? ({ type: 'leave-now' } as const) : messageFor(press, now, tablesFor(now));
        if (message) store.dispatch(message);
      }
    },
    [store, normalise],
  );
  useInput(onInput);
  return (
    <ThemeContext.Provider value={theme}>
      <WizardScreen model={model} size={size} />
    </ThemeContext.Provider>
  );
}

/**
 * Runs the wizard on a terminal until it is left, and gives the exit code: 0 done, or left while the engine runs; 1
 * failed; 130 left before the engine was started, or after it was stopped on request.
 *
 * Throws TM1001 when stdin or stdout is not a terminal: Ink must not be mounted there.
 */
export async function runWizard(services: WizardServices, options: WizardOptions): Promise<number> {
  const { stdin, stdout, env, watch = false, comeBack = 'tiger-migrate-tui', clock = Date.now } = options;
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
    model: initialModel({ now: clock(), watch, ...(options.prefill ? { prefill: options.prefill } : {}) }),
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
  const ticking = setInterval(() => store.dispatch({ type: 'tick', now: clock() }), TICK_MS);
  try {
    const left = new Promise<void>((resolve) => {
      store.subscribe(() => {
        if (store.get().exit !== null) resolve();
      });
    });
    const ink = render(<Wizard store={store} theme={theme} />, {
      stdout: writer.stdout,
      stdin,
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
