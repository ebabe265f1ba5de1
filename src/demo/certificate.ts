import { execFile } from 'node:child_process';
import { chmod, chown } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MigrateError } from '../errors/migrate-error.ts';
import type { ServerUser } from './server-user.ts';

const run = promisify(execFile);

/**
 * Makes a self-signed certificate for localhost and 127.0.0.1 (`server.crt`, `server.key`) in a directory, with the
 * `openssl` program because Node can read certificates but not issue them. Throws TM8002 without that program.
 * https://www.postgresql.org/docs/current/ssl-tcp.html#SSL-CERTIFICATE-CREATION
 */
export async function makeCertificate(directory: string, user: ServerUser | null): Promise<string> {
  const certificate = join(directory, 'server.crt');
  const key = join(directory, 'server.key');
  const options = ['-new', '-x509', '-days', '30', '-nodes', '-newkey', 'rsa:2048', '-subj', '/CN=localhost'];
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  try {
    await run('openssl', ['req', ...options, ...names, '-out', certificate, '-keyout', key]);
  } catch (cause) {
    throw new MigrateError('TM8002', {
      message: 'a certificate for the throw-away server could not be made',
      side: 'local',
      hint: 'Install the openssl program.',
      cause,
    });
  }
  await chmod(key, 0o600);
  if (user) await chown(key, user.uid, user.gid);
  return certificate;
}
