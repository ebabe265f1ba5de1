import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, rootCertificates } from 'node:tls';
import { MigrateError, type Side } from '../errors/migrate-error.ts';
import type { ConnectionSettings } from './connection-string.ts';

/** One way to try a connection: TLS with these options, or `false` for plain. */
export type TlsAttempt = ConnectionOptions | false;

/**
 * What libpq's sslmode means, as the attempts to make in order. `pg` reads the same words its own way (prefer, require
 * and verify-ca all verify like verify-full, prefer never falls back), so nothing of it is used.
 * https://www.postgresql.org/docs/current/libpq-ssl.html
 */
export async function tlsAttempts(settings: ConnectionSettings, side: Exclude<Side, 'local'>): Promise<TlsAttempt[]> {
  // libpq ignores sslmode on Unix sockets: nobody can listen in there.
  if (settings.host.startsWith('/') || settings.sslmode === 'disable') return [false];
  if (settings.sslmode === 'prefer' || settings.sslmode === 'allow') {
    const plainFirst = settings.sslmode === 'allow';
    try {
      const options = await tlsOptions(settings, side);
      return plainFirst ? [false, options] : [options, false];
    } catch (error) {
      // These modes promise nothing; a certificate file that cannot be used only rules out TLS.
      if (error instanceof MigrateError) return [false];
      throw error;
    }
  }
  return [await tlsOptions(settings, side)];
}

async function tlsOptions(settings: ConnectionSettings, side: Exclude<Side, 'local'>): Promise<ConnectionOptions> {
  const options: ConnectionOptions = { host: settings.host };
  if (isIP(settings.host) === 0) options.servername = settings.host;
  if (settings.sslMinVersion !== null) options.minVersion = settings.sslMinVersion;
  if (settings.sslMaxVersion !== null) options.maxVersion = settings.sslMaxVersion;

  const read = async (path: string, keyword: string): Promise<string> => {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      throw new MigrateError('TM1108', {
        side,
        object: path,
        message: `the file of ${keyword} cannot be read: ${path}`,
        hint: `Correct ${keyword}; give an absolute path, readable by this user.`,
        cause: error,
      });
    }
  };

  const verifies = settings.sslmode === 'verify-ca' || settings.sslmode === 'verify-full';
  const defaultRoot = join(settings.sslDirectory, 'root.crt');
  if (settings.sslrootcert === 'system') options.ca = await systemAuthorities();
  else if (settings.sslrootcert !== null) options.ca = await read(settings.sslrootcert, 'sslrootcert');
  else if (existsSync(defaultRoot)) options.ca = await read(defaultRoot, 'sslrootcert');
  else if (verifies) {
    throw new MigrateError('TM1108', {
      side,
      object: defaultRoot,
      message: `sslmode=${settings.sslmode} needs a root certificate and there is no ${defaultRoot}`,
      hint:
        settings.sslmode === 'verify-full'
          ? 'Add sslrootcert=system (authorities that this machine trusts) or sslrootcert=FILE, or use sslmode=require.'
          : 'Add sslrootcert=FILE with the authority that signed the server certificate, or use sslmode=require.',
    });
  }
  // A root certificate makes every mode check the chain; only verify-full also checks the name.
  options.rejectUnauthorized = options.ca !== undefined;
  if (settings.sslmode !== 'verify-full') options.checkServerIdentity = () => undefined;

  const defaultCert = join(settings.sslDirectory, 'postgresql.crt');
  const cert = settings.sslcert ?? (existsSync(defaultCert) ? defaultCert : null);
  if (cert !== null) {
    options.cert = await read(cert, 'sslcert');
    options.key = await read(settings.sslkey ?? join(settings.sslDirectory, 'postgresql.key'), 'sslkey');
  }
  return options;
}

/** Where operating systems keep the authorities they trust; Node 20 cannot say, and brings its own list. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

async function systemAuthorities(): Promise<string[]> {
  const own = process.env.SSL_CERT_FILE;
  for (const file of own ? [own, ...SYSTEM_BUNDLES] : SYSTEM_BUNDLES) {
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text !== null) return [text, ...rootCertificates];
  }
  return [...rootCertificates];
}
