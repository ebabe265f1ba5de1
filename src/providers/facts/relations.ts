import type pg from 'pg';
import { errorCode } from '../../postgres/connection-errors.ts';
import type { Fact } from '../fact.ts';
import { FROM_USER_RELATIONS } from '../relations.ts';

/** A table, view, sequence … of the operator's. Temporary ones are left out. */
export interface Relation {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  /** The partitioned tables that it is a part of. */
  readonly partOf: readonly { readonly schema: string; readonly name: string }[];
  /** pg_class.relkind: `r` table, `p` partitioned table, `v` view, `m` materialized view, `S` sequence, `f` foreign table. */
  readonly kind: string;
  readonly unlogged: boolean;
  readonly owner: string;
  readonly ownerIsSuperuser: boolean;
  /** Our role is the owner or a member of it. */
  readonly owned: boolean;
  /** USAGE on the schema and SELECT on the relation. */
  readonly readable: boolean;
  /** A row security policy hides rows from our role. */
  readonly hidesRows: boolean;
  /** With indexes and TOAST; of a partitioned table 0. */
  readonly bytes: number;
  /** Estimated. */
  readonly rows: number;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

const relations = (bytes: string): string => `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name,
    CASE WHEN c.relispartition THEN (SELECT json_agg(json_build_array(an.nspname, a.relname))
      FROM pg_partition_ancestors(c.oid) p (oid) JOIN pg_class a ON a.oid = p.oid JOIN pg_namespace an ON an.oid = a.relnamespace
      WHERE p.oid <> c.oid)::text END AS part_of, c.relkind AS kind, c.relpersistence = 'u' AS unlogged,
    pg_get_userbyid(c.relowner) AS owner, (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = c.relowner) AS owner_super, pg_has_role(c.relowner, 'USAGE') AS owned,
    has_schema_privilege(n.oid, 'USAGE') AND (CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
      ELSE has_table_privilege(c.oid, 'SELECT') END) AS readable,
    c.relkind IN ('r', 'p') AND c.relrowsecurity AND row_security_active(c.oid) AS hides,
    CASE WHEN c.relkind IN ('r', 'm') THEN ${bytes} ELSE 0 END AS bytes,
    greatest(c.reltuples, 0)::bigint AS rows, coalesce(pg_stat_get_tuples_inserted(c.oid), 0) AS inserted,
    coalesce(pg_stat_get_tuples_updated(c.oid), 0) AS updated, coalesce(pg_stat_get_tuples_deleted(c.oid), 0) AS deleted
  ${FROM_USER_RELATIONS} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't' ORDER BY 2, 3`;

/** Waits for a table that is being altered. */
const EXACT = relations('pg_total_relation_size(c.oid)');
/** As of the last VACUUM or ANALYZE; takes no lock. */
const ESTIMATED = relations(`((SELECT sum(x.relpages) FROM pg_class x WHERE x.oid IN (c.oid, c.reltoastrelid))
  + coalesce((SELECT sum(x.relpages) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid), 0))
  * current_setting('block_size')::bigint`);

const LOCK_TIMEOUT = '1s';
const LOCK_NOT_AVAILABLE = '55P03';

/** All relations of the operator's in the database: one pass over the catalog, however many there are. */
export const relationsFact: Fact<readonly Relation[]> = {
  async read(client) {
    const rows = await read(client, EXACT).catch((error: unknown) => {
      if (errorCode(error) !== LOCK_NOT_AVAILABLE) throw error;
      return read(client, ESTIMATED);
    });
    return rows.map((row) => ({
      oid: row.oid,
      schema: row.schema,
      name: row.name,
      partOf: (JSON.parse(row.part_of ?? '[]') as [string, string][]).map(([schema, name]) => ({ schema, name })),
      kind: row.kind,
      unlogged: row.unlogged === 't',
      owner: row.owner,
      ownerIsSuperuser: row.owner_super === 't',
      owned: row.owned === 't',
      readable: row.readable === 't',
      hidesRows: row.hides === 't',
      bytes: Number(row.bytes),
      rows: Number(row.rows),
      inserted: Number(row.inserted),
      updated: Number(row.updated),
      deleted: Number(row.deleted),
    }));
  },
};

type Row = Record<
  keyof Omit<Relation, 'hidesRows' | 'partOf' | 'ownerIsSuperuser'> | 'hides' | 'owner_super',
  string
> & { part_of: string | null };

/** Two statements in one message are one transaction, for which the limit holds. */
async function read(client: pg.Client, sql: string): Promise<Row[]> {
  const results = (await client.query(
    `SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'; ${sql}`,
  )) as unknown as pg.QueryResult<Row>[];
  return results[1]?.rows ?? [];
}
