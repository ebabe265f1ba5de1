import type { ErrorCode } from '../errors/codes.ts';
import type { Side } from '../errors/migrate-error.ts';

/**
 * What the engine does about an error once a migration has begun. docs/errors.md shows this table.
 *
 * - `retry`: time heals it; tried again by itself, at growing intervals, for as long as it takes.
 * - `operator`: somebody must act first. The engine keeps running, says what to do, looks again every few seconds, and goes
 *   on by itself once it fits.
 *
 * What no rule names is `stop`: nothing changes by waiting, or nobody knows. The engine ends with the error; what is done
 * stays, and `migrate --resume` goes on from it.
 */
export interface ErrorRule {
  /** SQLSTATEs, classes of them (two letters), the system's codes, and our own. */
  readonly on: readonly string[];
  readonly policy: 'retry' | 'operator';
  /** What has happened, in a few words. */
  readonly title: string;
  /** Why this policy. */
  readonly why: string;
  /** What to do: for `retry`, when it lasts. */
  readonly hint: string;
  /** Our own code, where a more telling one than that of its place is at hand. */
  readonly code?: ErrorCode;
  /** Where it lies, whoever met it. */
  readonly side?: Side;
}

/** Holds everywhere. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const ERROR_RULES: readonly ErrorRule[] = [
  {
    on: ['08', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'TM1109', 'TM4001'],
    policy: 'retry',
    title: 'the connection broke, or does not answer any more',
    why: 'A new one goes on from what the target has committed.',
    hint: 'Nothing to do but to look at network and server when it lasts.',
  },
  {
    on: [
      'ECONNREFUSED',
      'EHOSTUNREACH',
      'ENETUNREACH',
      'EAI_AGAIN',
      'ENOTFOUND',
      'TM1101',
      'TM1102',
      'TM1103',
      'TM1199',
    ],
    policy: 'retry',
    title: 'the server can not be reached',
    why: 'It could a moment ago: it restarts, fails over, or the network is down.',
    hint: 'Bring the server or the network back; replay catches up by itself.',
  },
  {
    on: ['57P01', '57P02', '57P03', '57P04', '57014', 'TM1110'],
    policy: 'retry',
    title: 'the server shuts down, starts, or has ended our session or statement',
    why: 'Restarts end, and a session that was ended is opened again.',
    hint: 'Start the server when it stays down; find out who ends our sessions when that goes on.',
  },
  {
    on: ['25P03', '25P04', '57P05'],
    policy: 'retry',
    title: 'a timeout of the server has ended our session',
    why: 'Our sessions switch these timeouts off; what set them meanwhile applies to the session that was open.',
    hint: 'When it goes on: ALTER ROLE … SET of idle_in_transaction_session_timeout, transaction_timeout, idle_session_timeout = 0.',
  },
  {
    on: ['53300'],
    policy: 'retry',
    code: 'TM1110',
    title: 'no connection is free',
    why: 'Sessions of others come and go; most often it is over in seconds.',
    hint: 'When it lasts: end idle sessions, or raise max_connections or the CONNECTION LIMIT of role or database.',
  },
  {
    on: ['53200', '40001', '40P01', '55P03', 'TM5003'],
    policy: 'retry',
    code: 'TM5003',
    title: 'out of memory, serialization failure, deadlock, lock timeout',
    why: 'The transaction was rolled back as a whole, and is done again.',
    hint: 'When it lasts: find out who locks or writes on this server.',
  },
  {
    on: ['TM4007'],
    policy: 'retry',
    title: 'the replication slot is in use',
    why: 'By our own earlier connection, until the source notices that it is gone.',
    hint: 'When it lasts: look in pg_replication_slots for who reads from it.',
  },
  {
    on: ['72000', 'TM1111'],
    policy: 'retry',
    code: 'TM1111',
    title: 'the snapshot of the copy is gone',
    why: 'Tables that are finished stay; the others are copied again in a new snapshot.',
    hint: 'Nothing to do; when it happens again and again, find out what ends the session that holds the snapshot.',
  },
  {
    on: ['53100', 'TM1112'],
    policy: 'operator',
    code: 'TM1112',
    title: 'the disk of the server is full',
    why: 'Its disk does not grow by itself everywhere; where it does, nobody need act.',
    hint: 'Give the server a bigger disk or make room on it. The migration waits and goes on by itself.',
  },
  {
    on: ['25006', 'TM1113'],
    policy: 'operator',
    code: 'TM1113',
    title: 'the server takes no writes',
    why: 'During a resize, or after a fail-over to a standby: only who did it knows when it ends.',
    hint: 'Wait for the end of the resize, or make the server writable. The migration waits and goes on by itself.',
  },
  {
    on: ['ENOSPC', 'EDQUOT', 'TM4003'],
    policy: 'operator',
    code: 'TM4003',
    side: 'local',
    title: 'the disk of the work directory is full',
    why: 'What the spool can not take stays on the source, which keeps its WAL meanwhile.',
    hint: 'Make room on the disk of the work directory; until then WAL piles up on the source. Receiving goes on by itself.',
  },
  {
    on: ['EROFS', 'TM1311'],
    policy: 'operator',
    code: 'TM1311',
    side: 'local',
    title: 'the work directory is read-only',
    why: 'What can not be made durable there is not confirmed to the source, which keeps its WAL meanwhile.',
    hint: 'Mount the file system of the work directory writable (look into the kernel log for why it is not). It goes on by itself.',
  },
  {
    on: ['EMFILE', 'ENFILE', 'TM1310'],
    policy: 'operator',
    code: 'TM1310',
    side: 'local',
    title: 'no more files or connections can be opened on this machine',
    why: 'The limit of the process, or of the system, is reached.',
    hint: 'Raise the limit (prlimit --nofile=65536 --pid of the engine; ulimit -n, LimitNOFILE). It goes on by itself.',
  },
  {
    on: ['TM1206'],
    policy: 'operator',
    title: 'the role may not replicate any more',
    why: 'A right that was there at the beginning was taken away: only somebody can give it back.',
    hint: 'ALTER ROLE … REPLICATION on the source (RDS: GRANT rds_replication). The migration waits and goes on by itself.',
  },
  {
    on: ['TM1208'],
    policy: 'operator',
    title: 'no WAL sender is free on the source',
    why: 'Standbys and subscriptions keep theirs: it does not end by itself.',
    hint: 'End unused WAL senders, or raise max_wal_senders. The migration waits and goes on by itself.',
  },
];

/** Holds while tables are copied, changes applied and the source watched, on top: there all rights were in place once. */
export const RUNNING_RULES: readonly ErrorRule[] = [
  ...ERROR_RULES,
  {
    on: ['42501'],
    policy: 'operator',
    code: 'TM1212',
    title: 'a right is missing that was there at the beginning',
    why: 'Only somebody can give it back. Nothing is lost: what was not copied or applied is tried again as a whole.',
    hint: 'Give the right back. The migration waits and goes on from where it is by itself.',
  },
];

/** The rule for a code; a whole SQLSTATE comes before its class. Undefined: `stop`. */
export function ruleFor(code: string, rules: readonly ErrorRule[] = ERROR_RULES): ErrorRule | undefined {
  const exact = rules.find(({ on }) => on.includes(code));
  return exact ?? (/^[0-9A-Z]{5}$/.test(code) ? rules.find(({ on }) => on.includes(code.slice(0, 2))) : undefined);
}
