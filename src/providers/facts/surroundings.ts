import type pg from 'pg';
import {
  FOREIGN_OWN_SCHEMA,
  LEFT_OUT_SCHEMAS,
  type LeftOutSchema,
  toLeftOutSchema,
} from '../../engine/source/belongs.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Fact } from '../fact.ts';
import { server } from './server.ts';

export interface Subscription {
  readonly name: string;
  readonly enabled: boolean;
  /** Its replication slot on the publisher; null: it has none. */
  readonly slot: string | null;
  readonly publications: readonly string[];
}

export interface Publication {
  readonly name: string;
  /** The statement that makes it. */
  readonly sql: string;
}

/** What a database has besides what is migrated. */
export interface Surroundings {
  readonly leftOutSchemas: readonly LeftOutSchema[];
  /** It has a schema called as ours that is not ours. */
  readonly foreignOwnSchema: boolean;
  readonly subscriptions: readonly Subscription[];
  readonly publications: readonly Publication[];
}

/** The connection string is readable by superusers alone. */
const SUBSCRIPTIONS = `
SELECT subname AS name, subenabled AS enabled, subslotname AS slot, array_to_json(subpublications)::text AS publications FROM pg_subscription
 WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1`;

/** SQL: which columns and rows of a table are published. */
const LIMITS_OF_TABLE = `
           || coalesce((SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs)), '')
           || coalesce(' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')', '')`;

const SCHEMAS = `(SELECT coalesce(json_agg(quote_ident(n.nspname) ORDER BY n.nspname), '[]') FROM pg_publication_namespace s
          JOIN pg_namespace n ON n.oid = s.pnnspid WHERE s.pnpubid = p.oid)::text`;

/** Columns and conditions of a publication's tables, and its schemas, came with 15, pubviaroot with 13, pubgencols with 18. */
const publications = (version: number): string => `
SELECT p.pubname AS name, p.puballtables AS all_tables, p.pubinsert AS i, p.pubupdate AS u, p.pubdelete AS d, p.pubtruncate AS t,
       coalesce(to_jsonb(p) ->> 'pubviaroot', 'false') AS via_root, coalesce(to_jsonb(p) ->> 'pubgencols', 'n') AS generated,
       (SELECT coalesce(json_agg('ONLY ' || format('%I.%I', n.nspname, c.relname)${version >= 150000 ? LIMITS_OF_TABLE : ''}
           ORDER BY n.nspname, c.relname), '[]') FROM pg_publication_rel r
          JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid)::text AS tables,
       ${version >= 150000 ? SCHEMAS : `'[]'`} AS schemas
  FROM pg_publication p ORDER BY 1`;

function toPublication(row: Record<string, string>): Publication {
  const tables = JSON.parse(row.tables ?? '[]') as string[];
  const schemas = JSON.parse(row.schemas ?? '[]') as string[];
  const parts = [
    ...(tables.length > 0 ? [`TABLE ${tables.join(', ')}`] : []),
    ...(schemas.length > 0 ? [`TABLES IN SCHEMA ${schemas.join(', ')}`] : []),
  ];
  const what = row.all_tables === 't' ? ' FOR ALL TABLES' : parts.length > 0 ? ` FOR ${parts.join(', ')}` : '';
  const kinds = (['insert', 'update', 'delete', 'truncate'] as const).filter((kind) => row[kind.charAt(0)] === 't');
  const options = [
    ...(kinds.length < 4 ? [`publish = '${kinds.join(', ')}'`] : []),
    ...(row.via_root === 'true' ? ['publish_via_partition_root = true'] : []),
    ...(row.generated === 's' ? ['publish_generated_columns = stored'] : []),
  ];
  const having = options.length > 0 ? ` WITH (${options.join(', ')})` : '';
  return { name: row.name ?? '', sql: `CREATE PUBLICATION ${quoteIdent(row.name ?? '')}${what}${having};` };
}

/** All of it in one query. */
export const surroundings: Fact<Surroundings> = {
  async read(client, ask) {
    const { versionNumber } = await ask(server);
    const statements = [LEFT_OUT_SCHEMAS, FOREIGN_OWN_SCHEMA, SUBSCRIPTIONS, publications(versionNumber)];
    const results = (await client.query(statements.join(';\n'))) as unknown as pg.QueryResult<Record<string, string>>[];
    const [schemas = [], foreign = [], subscriptions = [], published = []] = results.map(({ rows }) => rows);
    return {
      leftOutSchemas: schemas.map((row) => toLeftOutSchema({ name: row.name ?? '', extension: row.extension ?? null })),
      foreignOwnSchema: foreign.length > 0,
      subscriptions: subscriptions.map((row) => ({
        name: row.name ?? '',
        enabled: row.enabled === 't',
        slot: row.slot ?? null,
        publications: JSON.parse(row.publications ?? '[]') as string[],
      })),
      publications: published.map(toPublication),
    };
  },
};
