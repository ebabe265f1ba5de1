import { readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';

/** The ordinary user that a throw-away server runs as. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** `nobody` by tradition, for systems whose /etc/passwd names neither it nor `postgres`. */
const NOBODY: ServerUser = { uid: 65_534, gid: 65_534 };

/**
 * The user to run a server as, or null for "as we are". PostgreSQL refuses to run as root, so root needs another:
 * `postgres` where it exists, else `nobody`. https://www.postgresql.org/docs/current/postgres-user.html
 */
export async function serverUser(): Promise<ServerUser | null> {
  if (process.getuid?.() !== 0) return null;
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return findUser(passwd, 'postgres') ?? findUser(passwd, 'nobody') ?? NOBODY;
}

/** Looks a user up in the text of /etc/passwd; root never counts. */
export function findUser(passwd: string, name: string): ServerUser | null {
  for (const line of passwd.split('\n')) {
    const [login, , uid, gid] = line.split(':');
    if (login === name && uid && gid && Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  return null;
}

/** A directory for temporary files that the server's user can reach: TMPDIR may be below somebody's 0700 home. */
export async function temporaryDirectory(user: ServerUser | null): Promise<string> {
  for (const candidate of [tmpdir(), '/tmp', '/var/tmp']) {
    if (user === null || (await reachableBy(candidate, user))) return candidate;
  }
  return tmpdir();
}

/** Whether the permissions of a directory and of all above it let the user pass. */
export async function reachableBy(directory: string, user: ServerUser): Promise<boolean> {
  const found = await stat(directory).catch(() => null);
  if (!found?.isDirectory()) return false;
  const execute = found.uid === user.uid ? 0o100 : found.gid === user.gid ? 0o010 : 0o001;
  if ((found.mode & execute) === 0) return false;
  const parent = dirname(directory);
  return parent === directory || reachableBy(parent, user);
}
