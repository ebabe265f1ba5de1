import { FREE_OF_SERVER } from '../../engine/target/jobs.ts';
import { type PgVersion, versionFromNumber } from '../../postgres/client-tools.ts';
import { firstRow } from '../../postgres/query.ts';
import type { Fact } from '../fact.ts';

/** A server and the database that we are connected to, at one moment. Times are ms since the epoch, sizes bytes. */
export interface ServerFacts {
  /** `server_version_num`. */
  readonly versionNumber: number;
  readonly version: PgVersion;
  readonly backendPid: number;
  readonly inRecovery: boolean;
  /** Changes when the server is restarted. */
  readonly started: string;
  readonly role: {
    readonly name: string;
    readonly superuser: boolean;
    readonly createRole: boolean;
    readonly replication: boolean;
    /** It uses the rights of the roles that it is a member of (since 16 only the default for new memberships). */
    readonly inherits: boolean;
    /** Sessions that it may still open; null: no limit of its own. */
    readonly freeConnections: number | null;
  };
  readonly database: {
    readonly name: string;
    readonly owner: string;
    readonly ownerIsSuperuser: boolean;
    readonly encoding: string;
    readonly collate: string;
    readonly ctype: string;
    /** Of ICU or the builtin provider, which then sort text: `ICU de-DE`; null: the operating system does. */
    readonly locale: string | null;
    readonly bytes: number;
    readonly freeConnections: number | null;
  };
  readonly tls: { readonly version: string; readonly cipher: string } | null;
  /** Of `max_connections`, without those that are reserved. */
  readonly freeConnections: number;
  readonly slots: number;
  readonly walSenders: number;
  readonly sample: Sample;
  /** The roles among those that providers create. */
  readonly providerRoles: readonly string[];
}

/** Counters at one moment of the server's clock; two of them give rates. */
export interface Sample {
  readonly at: number;
  /** Bytes of WAL since the beginning; null on a standby. */
  readonly wal: bigint | null;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** Seconds that the row counters have been counting for; null when not known. */
  readonly countedSeconds: number | null;
}

/** SQL: counters that were never reset count since the statistics began; they outlive a restart, but not a crash. */
const STATISTICS_BEGAN = '(SELECT least(b.stats_reset, a.stats_reset) FROM pg_stat_bgwriter b, pg_stat_archiver a)';
/** SQL columns of a `Sample`, of `pg_stat_database s`. */
export const SAMPLE = `extract(epoch FROM clock_timestamp()) * 1000 AS at,
  CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') END AS wal,
  s.tup_inserted AS inserted, s.tup_updated AS updated, s.tup_deleted AS deleted,
  extract(epoch FROM clock_timestamp() - coalesce(s.stats_reset, ${STATISTICS_BEGAN})) AS counted`;

export interface SampleRow {
  at: string;
  wal: string | null;
  inserted: string;
  updated: string;
  deleted: string;
  counted: string | null;
}

export const toSample = (row: SampleRow): Sample => ({
  at: Number(row.at),
  wal: row.wal === null ? null : BigInt(row.wal),
  inserted: Number(row.inserted),
  updated: Number(row.updated),
  deleted: Number(row.deleted),
  countedSeconds: row.counted === null ? null : Number(row.counted),
});

/** Roles by which providers are known: see platforms.ts. */
const PROVIDER_ROLES = `'rds_superuser', 'rdsadmin', 'rds_replication', 'avnadmin', '_aiven', 'tsdbadmin', 'doadmin',
  'cloudsqlsuperuser', 'cloudsqladmin', 'alloydbsuperuser', 'alloydbadmin', 'azure_pg_admin', 'azuresu', 'supabase_admin',
  'neon_superuser', 'cloud_admin'`;

/** ICU for databases came with 15, the builtin provider with 17, which renamed the column. */
const LOCALE = `(SELECT CASE j ->> 'datlocprovider' WHEN 'i' THEN 'ICU ' WHEN 'b' THEN 'builtin ' END
      || coalesce(j ->> 'datlocale', j ->> 'daticulocale') FROM to_jsonb(d) AS j)`;

const SERVER = `
  SELECT current_setting('server_version_num') AS version, pg_backend_pid() AS pid, pg_is_in_recovery() AS recovery,
    pg_postmaster_start_time()::text AS started, ${SAMPLE},
    r.rolname AS role, r.rolsuper AS superuser, r.rolcreaterole AS create_role, r.rolreplication AS replication, r.rolinherit AS inherits,
    CASE WHEN r.rolconnlimit >= 0 THEN r.rolconnlimit - (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid) END AS role_free,
    d.datname AS database, pg_get_userbyid(d.datdba) AS owner,
    (SELECT o.rolsuper FROM pg_roles o WHERE o.oid = d.datdba) AS owner_super, pg_encoding_to_char(d.encoding) AS encoding,
    d.datcollate AS collate, d.datctype AS ctype, ${LOCALE} AS locale, pg_database_size(d.oid) AS bytes,
    CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit - s.numbackends END AS database_free,
    ${FREE_OF_SERVER} AS free,
    (SELECT count(*) FROM pg_replication_slots) AS slots, (SELECT count(*) FROM pg_stat_get_wal_senders()) AS senders,
    (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl) AS tls_version,
    (SELECT cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl) AS tls_cipher,
    (SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname IN (${PROVIDER_ROLES})) AS provider_roles
  FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid, pg_roles r
  WHERE d.datname = current_database() AND r.rolname = current_user`;

const maybe = (text: string | null | undefined): number | null => (text == null ? null : Number(text));

/** What most checks want to know of a server, in one query. */
export const server: Fact<ServerFacts> = {
  async read(client) {
    const row = await firstRow<SampleRow & Record<string, string | null>>(client, SERVER);
    const text = (name: string): string => row[name] ?? '';
    return {
      versionNumber: Number(row.version),
      version: versionFromNumber(Number(row.version)),
      backendPid: Number(row.pid),
      inRecovery: row.recovery === 't',
      started: text('started'),
      role: {
        name: text('role'),
        superuser: row.superuser === 't',
        createRole: row.create_role === 't' || row.superuser === 't',
        replication: row.replication === 't' || row.superuser === 't',
        inherits: row.inherits === 't',
        freeConnections: maybe(row.role_free),
      },
      database: {
        name: text('database'),
        owner: text('owner'),
        ownerIsSuperuser: row.owner_super === 't',
        encoding: text('encoding'),
        collate: text('collate'),
        ctype: text('ctype'),
        locale: row.locale ?? null,
        bytes: Number(row.bytes),
        freeConnections: maybe(row.database_free),
      },
      tls: row.tls_version == null ? null : { version: row.tls_version, cipher: text('tls_cipher') },
      freeConnections: Number(row.free),
      slots: Number(row.slots),
      walSenders: Number(row.senders),
      sample: toSample(row),
      providerRoles: text('provider_roles').split(' ').filter(Boolean),
    };
  },
};
