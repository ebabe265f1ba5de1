import type pg from 'pg';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import type { TableShape } from './shape.ts';
import { columnDefinition, type Name } from './statements.ts';

interface Definition {
  readonly partitionKey: string | null;
  readonly unlogged: boolean;
  readonly constraints: readonly { readonly name: string; readonly def: string; readonly type: string }[];
  readonly indexes: readonly string[];
  readonly sequences: readonly { readonly name: string; readonly options: string; readonly column: string }[];
}

/** Constraints and indexes that a partition has from its root are made with it there. */
const DEFINITION = `
SELECT json_build_object(
  'partitionKey', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END, 'unlogged', c.relpersistence = 'u',
  'constraints', (SELECT coalesce(json_agg(json_build_object('name', o.conname, 'def', pg_get_constraintdef(o.oid), 'type', o.contype)
                     ORDER BY o.contype = 'f', o.contype DESC, o.conname), '[]')
     FROM pg_constraint o WHERE o.conrelid = c.oid AND o.contype IN ('p', 'u', 'c', 'x', 'f') AND o.conparentid = 0
      AND (o.conislocal OR o.coninhcount = 0)),
  'indexes', (SELECT coalesce(json_agg(pg_get_indexdef(i.indexrelid) ORDER BY i.indexrelid), '[]') FROM pg_index i
      JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND NOT x.relispartition
       AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))),
  'sequences', (SELECT coalesce(json_agg(json_build_object('name', format('%I.%I', sn.nspname, s.relname),
      'options', format('AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s', format_type(q.seqtypid, NULL),
         q.seqincrement, q.seqmin, q.seqmax, q.seqstart, q.seqcache, CASE WHEN q.seqcycle THEN ' CYCLE' ELSE '' END),
      'column', a.attname) ORDER BY s.oid), '[]')
     FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_sequence q ON q.seqrelid = s.oid
     JOIN pg_namespace sn ON sn.oid = s.relnamespace JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.deptype = 'a'))::text AS definition
  FROM pg_class c WHERE c.oid = $1::oid`;

async function readDefinition(source: pg.Client, oid: number): Promise<Definition | null> {
  const { rows } = await source.query<{ definition: string }>(DEFINITION, [String(oid)]);
  return rows[0] ? (JSON.parse(rows[0].definition) as Definition) : null;
}

const makeSequence = ({ name, options }: Definition['sequences'][number]): string =>
  `CREATE SEQUENCE ${name} ${options};`;
const ownSequence = (table: Name, { name, column }: Definition['sequences'][number]): string =>
  `ALTER SEQUENCE ${name} OWNED BY ${qualified(table)}.${quoteIdent(column)};`;

/** Statements that add a column, with the sequence that its default draws from. */
export async function withSequences(
  source: pg.Client,
  shape: TableShape,
  table: Name,
  statements: readonly string[],
): Promise<string[]> {
  if (!statements.some((sql) => sql.includes('nextval('))) return [...statements];
  const sequences = ((await readDefinition(source, shape.oid))?.sequences ?? []).filter(({ name }) =>
    statements.some((sql) => sql.includes(`nextval('${name.replaceAll("'", "''")}'`)),
  );
  return [...sequences.map(makeSequence), ...statements, ...sequences.map((sequence) => ownSequence(table, sequence))];
}

/**
 * The statements that make a table of the source on the target under this name, with its keys and indexes, as the catalogs of the
 * source know it; `parent` is the partitioned table that it belongs to there. Without comments, grants, triggers and row security.
 * Types and functions that it uses must be there.
 */
export async function createTable(
  source: pg.Client,
  shape: TableShape,
  name: Name,
  parent: Name | null,
): Promise<string[]> {
  const definition = await readDefinition(source, shape.oid);
  if (!definition) return [];
  const table = qualified(name);
  const made = definition.unlogged ? 'CREATE UNLOGGED TABLE' : 'CREATE TABLE';
  const by = definition.partitionKey === null ? '' : ` PARTITION BY ${definition.partitionKey}`;
  const constraints = definition.constraints.map(
    (constraint) => `ALTER TABLE ${table} ADD CONSTRAINT ${quoteIdent(constraint.name)} ${constraint.def};`,
  );
  const indexes = definition.indexes.map((index) => `${index};`);
  if (parent && shape.partition) {
    return [
      `${made} ${table} PARTITION OF ${qualified(parent)} ${shape.partition.bound}${by};`,
      ...constraints,
      ...indexes,
    ];
  }
  const columns = shape.columns.map((column) => columnDefinition(column, column.expression));
  return [
    ...definition.sequences.map(makeSequence),
    `${made} ${table} (${columns.join(', ')})${by};`,
    ...definition.sequences.map((sequence) => ownSequence(name, sequence)),
    ...constraints,
    ...indexes,
  ];
}
