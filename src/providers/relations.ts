import type { MigrationOptions } from '../engine/options.ts';
import { SYSTEM_SCHEMAS } from '../engine/source/belongs.ts';
import { selection } from '../engine/source/catalog.ts';

/** SQL over `pg_namespace n`: schemas of the operator's, not PostgreSQL's, TimescaleDB's or ours. */
export const USER_SCHEMA = `NOT ${SYSTEM_SCHEMAS}`;

/** SQL: the object does not belong to an extension, which would bring it along itself. */
export const notInExtension = (catalog: 'pg_class' | 'pg_proc' | 'pg_type' | 'pg_namespace', oid: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_catalog.${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;

/** SQL from which every list of tables starts: `c` the relation, `n` its schema. One pass over the catalog, however many tables. */
export const FROM_USER_RELATIONS = `FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${USER_SCHEMA} AND ${notInExtension('pg_class', 'c.oid')}`;

interface Named {
  readonly schema: string;
  readonly name: string;
  /** Absent: of nothing that is partitioned. */
  readonly partOf?: readonly { readonly schema: string; readonly name: string }[];
}

/** Leaves out what the options exclude from the migration altogether, by itself or by what it is a part of. */
export const migrated = <T extends Named>(
  relations: readonly T[],
  options: Pick<MigrationOptions, 'excludeSchema' | 'excludeTable'>,
): T[] =>
  relations.filter((one) => selection({ partOf: [], ...one }, { ...options, skipTableData: [] }) !== 'excluded');

/** Those of which the rows are taken along, too. */
export const migratedWithRows = <T extends Named>(
  relations: readonly T[],
  options: Pick<MigrationOptions, 'excludeSchema' | 'excludeTable' | 'skipTableData'>,
): T[] => relations.filter((one) => selection({ partOf: [], ...one }, options) === 'all');
