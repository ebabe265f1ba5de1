import Conf from 'conf';
import { withoutPassword } from '../postgres/without-password.ts';

interface Remembered extends Record<string, unknown> {
  source: string;
  target: string;
}

const store = (directory: string) =>
  new Conf<Remembered>({
    cwd: directory,
    configName: 'wizard',
    defaults: { source: '', target: '' },
    clearInvalidConfig: true,
    configFileMode: 0o600,
  });

/** What was typed the last time in this work directory, without passwords. */
export function rememberedConnections(directory: string): { source: string; target: string } {
  try {
    const { source, target } = store(directory).store;
    return { source, target };
  } catch {
    // Not readable, or no directory yet: nothing is remembered.
    return { source: '', target: '' };
  }
}

export function rememberConnections(directory: string, of: { source: string; target: string }): void {
  try {
    store(directory).store = { source: withoutPassword(of.source), target: withoutPassword(of.target) };
  } catch {
    // A convenience: the wizard works without it.
  }
}
