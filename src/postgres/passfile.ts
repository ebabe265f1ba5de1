import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MigrateError } from '../errors/migrate-error.ts';
import type { ConnectionSettings } from './connection-string.ts';

/**
 * The password that the passfile holds for these settings, or null. Like libpq, a file that others can read is not used.
 * https://www.postgresql.org/docs/current/libpq-pgpass.html
 */
export async function lookUpPassword(settings: ConnectionSettings): Promise<string | null> {
  let text: string;
  try {
    const { mode } = await stat(settings.passfile);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) return null;
    text = await readFile(settings.passfile, 'utf8');
  } catch {
    return null;
  }
  return findPassword(text, settings);
}

/** The password of the first matching line of a passfile's text. */
export function findPassword(
  text: string,
  wanted: Pick<ConnectionSettings, 'host' | 'port' | 'database' | 'user'>,
): string | null {
  // A connection through a default socket directory matches lines for localhost.
  const host = wanted.host.startsWith('/') ? 'localhost' : wanted.host;
  const values = [host, String(wanted.port), wanted.database, wanted.user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = splitLine(line);
    if (fields === null || fields.password === '') continue;
    if (
      fields.keys.every((field, i) => field === '*' || plain(field) === values[i] || field === wantedSocket(wanted, i))
    ) {
      return plain(fields.password);
    }
  }
  return null;
}

const wantedSocket = (wanted: { host: string }, field: number): string | undefined =>
  field === 0 && wanted.host.startsWith('/') ? wanted.host : undefined;

const plain = (field: string): string => field.replace(/\\(.)/g, '$1');

function splitLine(line: string): { keys: string[]; password: string } | null {
  const match = /^((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):(.*)$/s.exec(line);
  if (!match) return null;
  const [, host = '', port = '', database = '', user = '', password = ''] = match;
  return { keys: [host, port, database, user], password };
}

/**
 * A passfile (mode 0600) for one child process, in a new private directory below `directory`. Disposing removes it.
 * Throws TM1004 for a password that no passfile can hold.
 */
export async function temporaryPassfile(
  directory: string,
  password: string,
): Promise<{ readonly path: string } & AsyncDisposable> {
  if (/[\r\n]/.test(password)) {
    throw new MigrateError('TM1004', {
      message: 'a password with a line break cannot be given to pg_dump',
      hint: 'Give the role another password.',
    });
  }
  const own = await mkdtemp(join(directory, 'pass-'));
  const path = join(own, 'pgpass');
  const remove = () => rm(own, { recursive: true, force: true });
  try {
    await writeFile(path, `*:*:*:*:${password.replace(/[\\:]/g, '\\$&')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, [Symbol.asyncDispose]: remove };
}
