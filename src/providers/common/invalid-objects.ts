import type pg from 'pg';
import { displayIdent, displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { info, listed, pass } from '../outcome.ts';
import { USER_SCHEMA } from '../relations.ts';

interface InvalidObject {
  readonly kind: 'index' | 'partitioned index' | 'table' | 'domain';
  readonly schema: string;
  /** The index, or what the constraint is on. */
  readonly name: string;
  readonly constraint: string;
}

/** One that is NOT ENFORCED, since 18, can not be validated. What a table has inherited is validated with its parent. */
const NOT_VALID = `NOT k.convalidated AND coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'true'`;

/** pg_dump takes an invalid index along only where it is one on a partitioned table. */
const OBJECTS = `
  SELECT CASE c.relkind WHEN 'I' THEN 'partitioned index' ELSE 'index' END AS kind, n.nspname AS schema, c.relname AS name, '' AS constraint
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT i.indisvalid AND ${USER_SCHEMA}
  UNION ALL
  SELECT 'table', n.nspname, c.relname, k.conname
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE ${NOT_VALID} AND k.conislocal AND k.conparentid = 0 AND ${USER_SCHEMA}
  UNION ALL
  SELECT 'domain', n.nspname, t.typname, k.conname
    FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid JOIN pg_namespace n ON n.oid = t.typnamespace
   WHERE ${NOT_VALID} AND ${USER_SCHEMA}
  ORDER BY 2, 3, 4`;

async function readInvalidObjects(source: pg.Client): Promise<InvalidObject[]> {
  const { rows } = await source.query<{ [Key in keyof InvalidObject]: InvalidObject[Key] }>(OBJECTS);
  return rows;
}

const nameOf = (object: InvalidObject): string =>
  object.constraint === ''
    ? `index ${displayName(object)}`
    : `${displayIdent(object.constraint)} on ${displayName(object)}`;

function remedyOf(object: InvalidObject): string {
  const name = qualified(object);
  switch (object.kind) {
    case 'index':
      return `To repair it: REINDEX INDEX CONCURRENTLY ${name}; to remove it: DROP INDEX CONCURRENTLY ${name};`;
    case 'partitioned index':
      return `To make it valid: create the index on each partition that lacks it, then ALTER INDEX ${name} ATTACH PARTITION … for each.`;
    case 'table':
      return `To make it valid: ALTER TABLE ${name} VALIDATE CONSTRAINT ${quoteIdent(object.constraint)};`;
    case 'domain':
      return `To make it valid: ALTER DOMAIN ${name} VALIDATE CONSTRAINT ${quoteIdent(object.constraint)};`;
    default:
      return object.kind satisfies never;
  }
}

/** https://www.postgresql.org/docs/current/catalog-pg-index.html (indisvalid), …/catalog-pg-constraint.html (convalidated) */
export const invalidObjects: Check = {
  id: 'source-invalid-objects',
  side: 'source',
  title: 'Invalid indexes and constraints',
  severity: 'info',
  wanted: 'none, or known to you',
  why: 'A failed CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY leaves an invalid index, which is not migrated. An index on a partitioned table that some partition lacks, and a constraint that is NOT VALID, arrive as they are.',
  fix: 'Nothing has to be done.',
  async run({ source, options }) {
    const all = (await readInvalidObjects(source)).filter(({ schema }) => !options.excludeSchema.includes(schema));
    const group = (text: string, some: readonly InvalidObject[]): string[] =>
      some.length === 0 ? [] : [`${text}: ${listed(some.map(nameOf))}`];
    const found = [
      ...group(
        'absent on the target',
        all.filter(({ kind }) => kind === 'index'),
      ),
      ...group(
        'invalid on the target too',
        all.filter(({ kind }) => kind === 'partitioned index'),
      ),
      ...group(
        'NOT VALID on the target too',
        all.filter(({ constraint }) => constraint !== ''),
      ),
    ];
    if (found.length === 0) return pass('none');
    return info(found.join('; '), {
      fix: ['Nothing has to be done. On the source:', ...all.slice(0, 20).map(remedyOf)].join('\n'),
    });
  },
};
