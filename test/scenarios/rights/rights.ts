import type { CheckInput } from '../../support/check-context.ts';

/** Something that a role needs, and that can be taken from it. */
export interface Right {
  readonly name: string;
  readonly side: 'source' | 'target';
  /** As a superuser in the database. */
  readonly take: string;
  readonly check: string;
  readonly status?: 'fail' | 'warn';
  /** What the check's remedy consists of. */
  readonly statements: readonly string[];
  readonly options?: CheckInput['options'];
  /** Beyond what the remedy gives back. */
  readonly afterwards?: string;
}

const EMIT = 'pg_logical_emit_message(boolean,text,text)';
/** All that the migration needs of the two servers, one by one. */
export const RIGHTS: readonly Right[] = [
  {
    name: 'the attribute REPLICATION',
    side: 'source',
    take: 'ALTER ROLE mover NOREPLICATION',
    check: 'source-replication-right',
    statements: ['ALTER ROLE "mover" REPLICATION;'],
  },
  {
    name: 'CREATE on the source database, for publications',
    side: 'source',
    take: 'REVOKE CREATE ON DATABASE shop FROM mover; REVOKE app FROM mover; GRANT SELECT ON ALL TABLES IN SCHEMA public, "Stock" TO mover; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public, "Stock" TO mover; GRANT USAGE ON SCHEMA public, "Stock" TO mover',
    check: 'source-publication-right',
    statements: ['GRANT CREATE ON DATABASE "shop" TO "mover";', 'GRANT "app" TO "mover";'],
    afterwards:
      'REVOKE ALL ON ALL TABLES IN SCHEMA public, "Stock" FROM mover; REVOKE ALL ON ALL SEQUENCES IN SCHEMA public, "Stock" FROM mover; REVOKE ALL ON SCHEMA public, "Stock" FROM mover',
  },
  {
    name: 'ownership, when the role inherits nothing (NOINHERIT: only by SET ROLE)',
    side: 'source',
    take: 'ALTER ROLE mover NOINHERIT',
    check: 'source-publication-right',
    statements: ['GRANT "app" TO "mover";', 'ALTER ROLE "mover" INHERIT;'],
  },
  {
    name: 'ownership of one table that is somebody else’s',
    side: 'source',
    take: 'CREATE ROLE "Else"; ALTER TABLE "Stock"."It""em" OWNER TO "Else"; GRANT SELECT ON "Stock"."It""em" TO mover',
    check: 'source-publication-right',
    statements: ['GRANT "Else" TO "mover";'],
    afterwards: 'ALTER TABLE "Stock"."It""em" OWNER TO app; DROP OWNED BY "Else"; DROP ROLE "Else"',
  },
  {
    name: 'SELECT on a table, of which only columns may be read',
    side: 'source',
    take: 'CREATE TABLE public.part (id int PRIMARY KEY, v text); GRANT SELECT (id) ON public.part TO mover; GRANT USAGE ON SCHEMA public TO mover',
    options: { plugin: 'test_decoding' },
    check: 'source-select-right',
    statements: ['GRANT pg_read_all_data TO "mover";'],
    afterwards: 'REVOKE pg_read_all_data FROM mover; DROP TABLE public.part',
  },
  {
    name: 'SELECT on a sequence',
    side: 'source',
    take: 'CREATE SEQUENCE public.theirs; GRANT USAGE ON SEQUENCE public.theirs TO mover',
    check: 'source-select-right',
    statements: ['GRANT pg_read_all_data TO "mover";'],
    afterwards: 'REVOKE pg_read_all_data FROM mover; DROP SEQUENCE public.theirs',
  },
  {
    name: 'USAGE on a schema',
    side: 'source',
    take: 'ALTER SCHEMA "Stock" OWNER TO postgres',
    check: 'source-select-right',
    statements: ['GRANT pg_read_all_data TO "mover";'],
    afterwards: 'REVOKE pg_read_all_data FROM mover; ALTER SCHEMA "Stock" OWNER TO app',
  },
  {
    name: 'to see all rows, where policies are forced on the owner, too',
    side: 'source',
    take: 'ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
    check: 'source-row-security',
    statements: ['ALTER ROLE "mover" BYPASSRLS;'],
    afterwards:
      'ALTER ROLE mover NOBYPASSRLS; ALTER TABLE public.orders NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY',
  },
  {
    name: 'to write marks into the stream (pg_logical_emit_message)',
    side: 'source',
    take: `REVOKE EXECUTE ON FUNCTION ${EMIT}, pg_logical_emit_message(boolean, text, bytea) FROM PUBLIC`,
    check: 'source-server-functions',
    statements: [
      'GRANT EXECUTE ON FUNCTION pg_catalog.pg_logical_emit_message(boolean,text,bytea) TO "mover";',
      `GRANT EXECUTE ON FUNCTION pg_catalog.${EMIT} TO "mover";`,
    ],
  },
  {
    name: 'to export the snapshot (pg_export_snapshot)',
    side: 'source',
    take: 'REVOKE EXECUTE ON FUNCTION pg_export_snapshot() FROM PUBLIC',
    check: 'source-server-functions',
    statements: ['GRANT EXECUTE ON FUNCTION pg_catalog.pg_export_snapshot() TO "mover";'],
  },
  {
    name: 'to look at sessions (pg_stat_activity)',
    side: 'source',
    take: 'REVOKE SELECT ON pg_stat_activity FROM PUBLIC',
    check: 'source-server-functions',
    statements: ['GRANT SELECT ON pg_catalog.pg_stat_activity TO "mover";'],
  },
  {
    name: 'ownership of the database, and to end sessions, for --freeze-source',
    side: 'source',
    take: 'ALTER DATABASE shop OWNER TO postgres',
    options: { freezeSource: true },
    check: 'source-freeze-right',
    statements: ['ALTER DATABASE "shop" OWNER TO "mover";'],
    afterwards: 'ALTER DATABASE shop OWNER TO app; GRANT CREATE, CONNECT ON DATABASE shop TO mover',
  },
  {
    name: 'connections, of the role',
    side: 'source',
    take: 'ALTER ROLE mover CONNECTION LIMIT 3',
    check: 'source-connections',
    statements: ['ALTER ROLE "mover" CONNECTION LIMIT -1;'],
  },
  {
    name: 'CREATE on the target database',
    side: 'target',
    take: 'REVOKE CREATE ON DATABASE shop FROM mover',
    check: 'target-create-right',
    statements: ['GRANT CREATE ON DATABASE "shop" TO "mover";'],
  },
  {
    name: 'TEMPORARY on the target database',
    side: 'target',
    take: 'REVOKE TEMPORARY ON DATABASE shop FROM mover',
    check: 'target-create-right',
    statements: ['GRANT TEMPORARY ON DATABASE "shop" TO "mover";'],
  },
  {
    name: 'CREATE on schema public of the target',
    side: 'target',
    take: 'REVOKE CREATE ON SCHEMA public FROM mover',
    check: 'target-create-right',
    statements: ['GRANT CREATE ON SCHEMA public TO "mover";'],
  },
  {
    name: 'USAGE on schema public of the target',
    side: 'target',
    take: 'REVOKE USAGE ON SCHEMA public FROM mover',
    check: 'target-create-right',
    statements: ['GRANT USAGE ON SCHEMA "public" TO "mover";'],
  },
  {
    name: 'to lock (pg_try_advisory_lock)',
    side: 'target',
    take: 'REVOKE EXECUTE ON FUNCTION pg_try_advisory_lock(bigint), pg_try_advisory_lock(int, int) FROM PUBLIC',
    check: 'target-server-functions',
    statements: [
      'GRANT EXECUTE ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint) TO "mover";',
      'GRANT EXECUTE ON FUNCTION pg_catalog.pg_try_advisory_lock(integer,integer) TO "mover";',
    ],
  },
  {
    name: 'to set session_replication_role, which may be missing',
    side: 'target',
    take: 'SELECT 1',
    check: 'target-replica-role',
    status: 'warn',
    statements: ['GRANT SET ON PARAMETER session_replication_role TO "mover";'],
    afterwards: 'REVOKE SET ON PARAMETER session_replication_role FROM mover',
  },
];
