import { firstRow } from '../../postgres/query.ts';
import type { Fact } from '../fact.ts';

/** The extension as it is in the database that we are connected to. */
export interface TimescaleDb {
  /** `2.23.1`; null: not created in this database. */
  readonly installed: string | null;
  /** What CREATE EXTENSION would give; null: not on this server. */
  readonly offered: string | null;
  /** Every version that ALTER EXTENSION … UPDATE TO could name. */
  readonly versions: readonly string[];
  /** Our role may create it. */
  readonly creatable: boolean;
  /** The schema of its functions (`public` nearly always); null when it is not installed. */
  readonly schema: string | null;
  /** Chunks' compressed tables are listed in compression_settings (about 2.18 on). */
  readonly namesCompressed: boolean;
  /** Settings of TimescaleDB as our session has them; absent: this version does not know them. */
  readonly settings: ReadonlyMap<string, string>;
  /** What ALTER DATABASE and ALTER ROLE have set. */
  readonly overrides: readonly SettingOverride[];
  /** Connections of others to this database: applications, not workers. */
  readonly sessions: number;
}

/** https://www.postgresql.org/docs/current/catalog-pg-db-role-setting.html */
export interface SettingOverride {
  /** Null: for every role. */
  readonly role: string | null;
  /** For this database; false: the role's setting in all databases. */
  readonly inDatabase: boolean;
  readonly name: string;
  readonly value: string;
}

const SETTINGS = [
  'timescaledb.enable_compressed_direct_batch_delete',
  'timescaledb.enable_direct_compress_insert',
  'timescaledb.enable_direct_compress_copy',
  'timescaledb.enable_compression_wal_markers',
  'timescaledb.restoring',
  'timescaledb.license',
  'timescaledb.max_background_workers',
];

/** A session of another role hides what it is: workers are told by their names. */
const STATE = `
  SELECT e.extversion AS installed, n.nspname AS schema, a.default_version AS offered,
    coalesce((SELECT jsonb_agg(v.version ORDER BY v.version) FROM pg_available_extension_versions v WHERE v.name = 'timescaledb'), '[]') AS versions,
    EXISTS (SELECT FROM pg_available_extension_versions v JOIN pg_roles r ON r.rolname = current_user
      WHERE v.name = 'timescaledb' AND (r.rolsuper OR (has_database_privilege(current_database(), 'CREATE')
        AND (NOT v.superuser OR coalesce((to_jsonb(v) ->> 'trusted')::boolean, false))))) AS creatable,
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('_timescaledb_catalog.compression_settings')
      AND attname = 'compress_relid' AND NOT attisdropped) AS names_compressed,
    (SELECT jsonb_object_agg(s.name, current_setting(s.name, true)) FROM unnest($1::text[]) s (name)) AS settings,
    coalesce((SELECT jsonb_agg(jsonb_build_object('role', r.rolname, 'inDatabase', o.setdatabase <> 0,
        'name', split_part(c.text, '=', 1), 'value', substr(c.text, strpos(c.text, '=') + 1)))
      FROM pg_db_role_setting o JOIN pg_database d ON o.setdatabase IN (0, d.oid) LEFT JOIN pg_roles r ON r.oid = o.setrole,
        unnest(o.setconfig) c (text)
      WHERE d.datname = current_database() AND (o.setrole = 0 OR r.oid IS NOT NULL) AND c.text ~ '^timescaledb\\.'), '[]') AS overrides,
    (SELECT count(*) FROM pg_stat_activity s WHERE s.datname = current_database() AND s.pid <> pg_backend_pid()
      AND (s.backend_type = 'client backend' OR (s.backend_type IS NULL AND s.usename IS NOT NULL))
      AND s.application_name !~ '^(tiger-migrate-tui|TimescaleDB )') AS sessions
  FROM (VALUES (1)) one LEFT JOIN pg_extension e ON e.extname = 'timescaledb' LEFT JOIN pg_namespace n ON n.oid = e.extnamespace
    LEFT JOIN pg_available_extensions a ON a.name = 'timescaledb'`;

interface Row extends Record<string, string | null> {
  installed: string | null;
  schema: string | null;
  offered: string | null;
  versions: string;
  creatable: string;
  names_compressed: string;
  settings: string;
  overrides: string;
  sessions: string;
}

/** Whether TimescaleDB is there, and how it is set: one query, on any PostgreSQL. */
export const timescaledb: Fact<TimescaleDb> = {
  async read(client) {
    const row = await firstRow<Row>(client, STATE, [SETTINGS]);
    const settings = JSON.parse(row.settings) as Record<string, string | null>;
    return {
      installed: row.installed,
      offered: row.offered,
      versions: (JSON.parse(row.versions) as string[]).sort((a, b) => (older(a, b) ? -1 : 1)),
      creatable: row.creatable === 't',
      schema: row.schema,
      namesCompressed: row.names_compressed === 't',
      settings: new Map(Object.entries(settings).flatMap(([name, value]) => (value === null ? [] : [[name, value]]))),
      overrides: JSON.parse(row.overrides) as SettingOverride[],
      sessions: Number(row.sessions),
    };
  },
};

/** `2.15.3` is older than `2.16`; what follows the numbers (`-dev`) does not count. */
export function older(version: string, than: string): boolean {
  const [ours, theirs] = [numbers(version), numbers(than)];
  for (let i = 0; i < 3; i += 1) {
    const difference = (ours[i] ?? 0) - (theirs[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

const numbers = (version: string): number[] => (version.match(/^[\d.]+/)?.[0] ?? '').split('.').map(Number);
