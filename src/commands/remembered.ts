import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Conf from 'conf';
import { MigrateError } from '../errors/migrate-error.ts';
import { withoutPassword } from '../postgres/without-password.ts';

const NAME = 'wizard';

/** When each step was ticked (ISO 8601), by its id. */
export type Ticks = Readonly<Record<string, string>>;

interface Remembered extends Record<string, unknown> {
  source?: string;
  target?: string;
  /** By source and source kind. */
  ticks?: Record<string, Ticks>;
}

const store = (directory: string) =>
  new Conf<Remembered>({
    cwd: directory,
    configName: NAME,
    clearInvalidConfig: true,
    configFileMode: 0o600,
    // Addresses are keys, and hold dots.
    accessPropertiesByDotNotation: false,
  });

/** What is kept; nothing when there is nothing to read. Makes no file and no directory, which `conf` itself would. */
function read(directory: string): Remembered {
  try {
    return existsSync(join(directory, `${NAME}.json`)) ? store(directory).store : {};
  } catch {
    return {};
  }
}

/** What was typed the last time in this work directory, without passwords. */
export function rememberedConnections(directory: string): { source: string; target: string } {
  const { source = '', target = '' } = read(directory);
  return { source, target };
}

export function rememberConnections(directory: string, of: { source: string; target: string }): void {
  try {
    const known = store(directory);
    known.store = { ...known.store, source: withoutPassword(of.source), target: withoutPassword(of.target) };
  } catch {
    // A convenience: the wizard works without it.
  }
}

/** What was ticked by hand for `key`, a source and its kind. */
export const rememberedTicks = (directory: string, key: string): Ticks => read(directory).ticks?.[key] ?? {};

/** Remembers when steps were ticked, null: takes the tick away. Throws TM1302 when it can't be kept. */
export function rememberTicks(directory: string, key: string, changed: Readonly<Record<string, string | null>>): Ticks {
  try {
    const known = store(directory);
    const all = known.get('ticks');
    const ticks = Object.entries({ ...all?.[key], ...changed }).filter(
      (entry): entry is [string, string] => entry[1] !== null,
    );
    const now = Object.fromEntries(ticks);
    known.set('ticks', { ...all, [key]: now });
    return now;
  } catch (error) {
    throw new MigrateError('TM1302', {
      side: 'local',
      object: directory,
      message: `what was ticked can't be kept: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'Give a directory that you may write with --dir.',
      cause: error,
    });
  }
}
