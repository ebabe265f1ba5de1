import { firstRow } from '../../postgres/query.ts';
import type { Fact } from '../fact.ts';
import { USER_SCHEMA } from '../relations.ts';

/** A table of an extension that may hold rows of the operator's: https://www.postgresql.org/docs/current/extend-extensions.html#EXTEND-EXTENSIONS-CONFIG-TABLES */
export interface ConfigurationTable {
  readonly extension: string;
  readonly schema: string;
  readonly name: string;
  /** `WHERE …`: which rows are not the extension's own; empty: all. */
  readonly condition: string;
  readonly readable: boolean;
}

/** What else than tables is in a database and needs a word. */
export interface CatalogFacts {
  /** Counted up to `COUNTED_AT_MOST` and one more. */
  readonly largeObjects: number;
  readonly temporaryTables: number;
  /** Besides the default. */
  readonly tablespaces: readonly string[];
  readonly allTablesPublications: readonly string[];
  /** Enabled, and not an extension's. */
  readonly eventTriggers: readonly { readonly name: string; readonly event: string }[];
  readonly configurationTables: readonly ConfigurationTable[];
  /** May call pg_ls_waldir(). */
  readonly mayListWal: boolean;
}

export const COUNTED_AT_MOST = 100_000;

const listOf = (what: string, from: string): string => `(SELECT coalesce(json_agg(${what}), '[]') ${from})`;

const CATALOG = `
  SELECT (SELECT count(*) FROM (SELECT FROM pg_largeobject_metadata LIMIT ${COUNTED_AT_MOST + 1}) AS first) AS large_objects,
    (SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relkind IN ('r', 'p')) AS temporary,
    has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE') AS may_list_wal,
    json_build_object(
      'tablespaces', ${listOf('spcname ORDER BY spcname', "FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')")},
      'allTablesPublications', ${listOf('pubname ORDER BY pubname', 'FROM pg_publication WHERE puballtables')},
      'eventTriggers', ${listOf(
        "json_build_object('name', evtname, 'event', evtevent) ORDER BY evtname",
        `FROM pg_event_trigger t WHERE evtenabled <> 'D' AND NOT EXISTS (SELECT FROM pg_depend e
           WHERE e.classid = 'pg_catalog.pg_event_trigger'::regclass AND e.objid = t.oid AND e.deptype = 'e')`,
      )},
      'configurationTables', ${listOf(
        `json_build_object('extension', x.extname, 'schema', n.nspname, 'name', c.relname, 'condition', t.condition,
           'readable', has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
         ORDER BY x.extname, n.nspname, c.relname`,
        `FROM pg_extension x CROSS JOIN unnest(x.extconfig, x.extcondition) AS t (oid, condition)
           JOIN pg_class c ON c.oid = t.oid AND c.relkind = 'r' JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${USER_SCHEMA}`,
      )}
    )::text AS lists`;

/** All of it in one query. */
export const catalog: Fact<CatalogFacts> = {
  async read(client) {
    const row = await firstRow<{ large_objects: string; temporary: string; may_list_wal: string; lists: string }>(
      client,
      CATALOG,
    );
    const lists = JSON.parse(row.lists) as Pick<
      CatalogFacts,
      'tablespaces' | 'allTablesPublications' | 'eventTriggers' | 'configurationTables'
    >;
    return {
      ...lists,
      largeObjects: Number(row.large_objects),
      temporaryTables: Number(row.temporary),
      mayListWal: row.may_list_wal === 't',
    };
  },
};
