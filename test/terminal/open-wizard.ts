import { runWizard, type WizardOptions } from '../../src/app.tsx';
import { createFakeServices, type FakeOptions, type FakeServices } from './fake-services.ts';
import { KEYS, VirtualKeyboard, VirtualTerminal } from './virtual-terminal.ts';

/** 2026-01-02 03:04:05 UTC: every test and every picture is taken at this moment. */
export const MOMENT = Date.UTC(2026, 0, 2, 3, 4, 5);

export interface OpenedWizard {
  readonly terminal: VirtualTerminal;
  readonly keyboard: VirtualKeyboard;
  readonly services: FakeServices;
  /** Settles with the exit code when the wizard ends. */
  readonly ended: Promise<number>;
  press(...keys: (keyof typeof KEYS | { type: string })[]): void;
  shows(part: string | RegExp): Promise<string>;
  /** Moves the clock that the wizard sees. */
  at(ms: number): void;
  /** Settles when everything that happened so far is on the screen, at the clock's time. */
  settled(): Promise<void>;
}

/** The whole wizard on a terminal in memory, against services in memory. */
export function openWizard(
  of: FakeOptions & {
    columns?: number;
    rows?: number;
    env?: Record<string, string>;
    wizard?: Partial<WizardOptions>;
  } = {},
): OpenedWizard {
  const terminal = new VirtualTerminal(of.columns, of.rows);
  const keyboard = new VirtualKeyboard();
  const services = createFakeServices(of);
  let now = MOMENT;
  const looks = new Set<() => void>();
  const ended = runWizard(services, {
    stdin: keyboard as unknown as NodeJS.ReadStream,
    stdout: terminal as unknown as NodeJS.WriteStream,
    env: of.env ?? { LANG: 'C.UTF-8' },
    debounceMs: 0,
    tickMs: 150,
    clock: () => {
      for (const look of [...looks]) look();
      return now;
    },
    ...of.wizard,
  });
  return {
    terminal,
    keyboard,
    services,
    ended,
    press: (...keys) => {
      for (const key of keys) keyboard.type(typeof key === 'string' ? KEYS[key] : key.type);
    },
    shows: (part) => terminal.shows(part),
    at: (ms) => {
      now = ms;
    },
    settled: async () => {
      // The frame of one tick is drawn long before the next one comes.
      for (let ticks = 0; ticks < 2; ticks += 1) {
        await new Promise<void>((resolve) => {
          const look = (): void => {
            looks.delete(look);
            resolve();
          };
          looks.add(look);
        });
      }
      await new Promise<void>((resolve) => terminal.xterm.write('', resolve));
    },
  };
}
