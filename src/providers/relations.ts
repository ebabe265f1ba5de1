import type { MigrationOptions } from '../engine/options.ts';
import { matchesAny } from '../postgres/patterns.ts';

/** SQL over `pg_namespace n`: schemas of the operator's, not PostgreSQL's, TimescaleDB's or ours. */
export const USER_SCHEMA = `n.nspname !~ '^pg_' AND n.nspname !~ '^_timescaledb_' AND n.nspname NOT IN
  ('information_schema', 'tiger_migrate', 'timescaledb_information', 'timescaledb_experimental', 'toolkit_experimental')`;

/** SQL: the object does not belong to an extension, which would bring it along itself. */
export const notInExtension = (catalog: 'pg_class' | 'pg_proc' | 'pg_type' | 'pg_namespace', oid: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_catalog.${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;

/** SQL from which every list of tables starts: `c` the relation, `n` its schema. One pass over the catalog, however many tables. */
export const FROM_USER_RELATIONS = `FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${USER_SCHEMA} AND ${notInExtension('pg_class', 'c.oid')}`;

/** Leaves out what the options exclude from the migration altogether. */
export const migrated = <T extends { readonly schema: string; readonly name: string }>(
  relations: readonly T[],
  options: Pick<MigrationOptions, 'excludeSchema' | 'excludeTable'>,
): T[] =>
  relations.filter(
    (relation) => !options.excludeSchema.includes(relation.schema) && !matchesAny(options.excludeTable, relation),
  );
