import type { ErrorCode } from '../errors/codes.ts';
import { MigrateError, type Side } from '../errors/migrate-error.ts';
import { type ConnectionSettings, describeServer } from './connection-string.ts';
import { quoteIdent } from './identifiers.ts';

export interface ConnectionTarget {
  readonly settings: ConnectionSettings;
  readonly side: Exclude<Side, 'local'>;
  readonly replication: boolean;
}

/** The SQLSTATE or the system's error code of a thrown thing, else an empty string. */
export function errorCode(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** The function of the server that refused. https://www.postgresql.org/docs/current/protocol-error-fields.html */
const placeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'routine' in error ? error.routine : undefined;

const POOLER_HINT =
  'Use the direct address of the server, not that of the pooler (PgBouncer and the like, often another port or host name).';

const ADVICE: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOTFOUND: ['TM1101', 'Check the spelling of the host name; private names resolve only inside their network or VPN.'],
  EAI_AGAIN: [
    'TM1101',
    'The name server does not answer: check the DNS of this machine, then the spelling of the host.',
  ],
  ECONNREFUSED: [
    'TM1102',
    'Check host and port, that the server runs, and that its listen_addresses includes this address.',
  ],
  ENOENT: ['TM1102', 'No server listens on this Unix socket: check the directory, the port, and that the server runs.'],
  ETIMEDOUT: ['TM1103', 'Allow this machine in the firewall or security group of the server, and check the host name.'],
  EHOSTUNREACH: ['TM1103', 'There is no way to this address: check network, VPN and host name.'],
  ENETUNREACH: ['TM1103', 'There is no way to this address: check network, VPN and host name.'],
  EMFILE: [
    'TM1310',
    'Raise the limit of open files of this process (ulimit -n), or use fewer --table-jobs and --index-jobs.',
  ],
  ENFILE: ['TM1310', 'Raise the number of files that this machine may have open (fs.file-max).'],
  '28000': [
    'TM1105',
    'Add a line for this user, database and address to pg_hba.conf and reload, or give the role LOGIN.',
  ],
  '3D000': ['TM1106', 'Check the database name; it is case-sensitive. Create the database if it is the target.'],
  '57P03': ['TM1110', 'Wait until the server is up, then try again.'],
  '57P01': ['TM1110', 'The server is shutting down: wait until it is up again.'],
  '57P02': ['TM1110', 'The server crashed or restarts: wait until it is up again.'],
  '53300': ['TM1110', 'All connections are taken: end idle sessions or raise max_connections.'],
  '42704': ['TM1210', 'The server does not know a setting that every supported version has: PostgreSQL 12 or newer.'],
};

/** What went wrong while connecting, as an error that an operator can act on. */
export function connectError(error: unknown, target: ConnectionTarget): MigrateError {
  if (error instanceof MigrateError) return error;
  const { settings, side } = target;
  const [code, hint] = classify(error, target);
  return new MigrateError(code, {
    // Which server it was to be does not matter when this machine opens nothing more.
    side: code === 'TM1310' ? 'local' : side,
    object: describeServer(settings),
    message: explain(error),
    hint,
    cause: error,
  });
}

function explain(error: unknown): string {
  // Several addresses of one name failing make an AggregateError without a message of its own.
  if (error instanceof AggregateError) {
    const parts = error.errors.map((one) => (one instanceof Error ? one.message : String(one)));
    return [...new Set(parts)].join('; ') || error.message;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (message === 'timeout expired') return 'no answer in time';
  // What Node adds where it has no socket at all.
  return message.replace(/ - Local \(undefined:undefined\)$/, '') || 'unknown error';
}

function classify(error: unknown, { settings, replication }: ConnectionTarget): readonly [ErrorCode, string] {
  const code = errorCode(error);
  const message = explain(error);
  const role = quoteIdent(settings.user);
  const database = quoteIdent(settings.database);
  if (code === '08P01' && /startup parameter/i.test(message)) return ['TM1204', POOLER_HINT];
  if (replication && code === '42501') {
    return [
      'TM1206',
      `Give the role the REPLICATION attribute: ALTER ROLE ${role} REPLICATION; (on RDS: GRANT rds_replication TO ${role};).`,
    ];
  }
  if (code === '42501') return ['TM1105', `Grant it: GRANT CONNECT ON DATABASE ${database} TO ${role};`];
  if (code === '28000' && /permitted to log in/.test(message)) return ['TM1105', `Allow it: ALTER ROLE ${role} LOGIN;`];
  if (code === '28P01') {
    const renewal = `ALTER ROLE ${role} VALID UNTIL 'infinity';`;
    return [
      'TM1104',
      `Check user and password; percent-encode special characters of a password in a URI. A password that has expired looks the same: ${renewal}`,
    ];
  }
  if (code === '53300') {
    // The name of a setting is the same in every language, and that of the place is not translated.
    const place = placeOf(error);
    if (/max_wal_senders/.test(message))
      return ['TM1208', 'Raise max_wal_senders on the source, or end unused WAL senders.'];
    if (place === 'InitializeSessionUserId')
      return ['TM1110', `End sessions of this role, or raise its limit: ALTER ROLE ${role} CONNECTION LIMIT -1;`];
    if (place === 'CheckMyDatabase')
      return ['TM1110', `End sessions in it, or raise its limit: ALTER DATABASE ${database} CONNECTION LIMIT -1;`];
  }
  if (/does not support SSL/.test(message)) {
    return [
      'TM1107',
      `Switch TLS on in the server (ssl = on), or use sslmode=prefer or disable instead of ${settings.sslmode}.`,
    ];
  }
  if (/CERT|SELF_SIGNED|VERIFY_LEAF|ISSUER|ALERT_UNKNOWN_CA|ALTNAME/.test(code)) {
    return [
      'TM1108',
      'Give the authority that signed the server certificate as sslrootcert; with sslmode=verify-full connect by a name that the certificate holds.',
    ];
  }
  if (/^ERR_SSL|^EPROTO$/.test(code) || /SSL connection/.test(message)) {
    return [
      'TM1107',
      'The TLS handshake failed: check ssl_min_protocol_version on both ends, and that this is a PostgreSQL port.',
    ];
  }
  if (message === 'no answer in time') return ADVICE.ETIMEDOUT ?? ['TM1103', ''];
  const advice = ADVICE[code];
  if (advice) return advice;
  if (/Connection terminated|ECONNRESET|invalid response/.test(`${code} ${message}`)) {
    return ['TM1199', 'The other end hung up: check that this is the port of a PostgreSQL server, and its log.'];
  }
  return ['TM1199', 'See the message, and the log of the server.'];
}
