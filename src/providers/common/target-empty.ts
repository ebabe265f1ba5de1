import { displayName } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { counted, fail, listed, pass, warn } from '../outcome.ts';
import { notInExtension, USER_SCHEMA } from '../relations.ts';

const OBJECTS = `
  SELECT CASE WHEN c.relkind IN ('r', 'p') THEN 'table' WHEN c.relkind = 'f' THEN 'foreign table'
      WHEN c.relkind = 'S' THEN 'sequence' ELSE 'view' END AS kind, n.nspname AS schema, c.relname AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${USER_SCHEMA} AND ${notInExtension('pg_class', 'c.oid')}
    -- A sequence of a column comes and goes with its table.
    AND NOT EXISTS (SELECT FROM pg_depend o WHERE c.relkind = 'S' AND o.classid = 'pg_catalog.pg_class'::regclass
      AND o.objid = c.oid AND o.deptype IN ('a', 'i'))
  UNION ALL
  SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, n.nspname, p.proname
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE ${USER_SCHEMA} AND ${notInExtension('pg_proc', 'p.oid')}
  UNION ALL
  SELECT 'type', n.nspname, t.typname
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND ${USER_SCHEMA} AND ${notInExtension('pg_type', 't.oid')}
  UNION ALL
  SELECT 'schema', n.nspname, ''
  FROM pg_namespace n WHERE n.nspname <> 'public' AND ${USER_SCHEMA} AND ${notInExtension('pg_namespace', 'n.oid')}
    -- Made for an extension; what else is in it is listed by itself.
    AND NOT EXISTS (SELECT FROM pg_extension x WHERE x.extnamespace = n.oid)
  ORDER BY 2, 3`;

/** Names what is there, most telling kinds first. Our own schema, extensions and TimescaleDB's schemas don't count. */
export const targetEmpty: Check = {
  id: 'target-empty',
  side: 'target',
  title: 'Target is empty',
  severity: 'fail',
  wanted: 'no objects besides extensions',
  why: 'What is there would collide with what comes, or be taken for it.',
  fix: 'Use another, empty database as the target, or --drop-if-exists to drop there what the source has too.',
  async run({ target, options, resuming }) {
    if (resuming) return pass('holds this migration, which goes on');
    const { rows } = await target.query<{ kind: string; schema: string; name: string }>(OBJECTS);
    const there = rows.filter(({ schema }) => !options.excludeSchema.includes(schema));
    if (there.length === 0) return pass('empty');
    const kinds = new Map<string, string[]>();
    for (const { kind, schema, name } of there) {
      const label =
        kind === 'schema' ? displayName({ schema: 'x', name: schema }).slice(2) : displayName({ schema, name });
      kinds.set(kind, [...(kinds.get(kind) ?? []), label]);
    }
    const found = ['table', 'view', 'foreign table', 'sequence', 'function', 'procedure', 'type', 'schema']
      .flatMap((kind) => {
        const names = kinds.get(kind);
        return names ? [`${counted(names.length, kind)} (${listed(names, 6)})`] : [];
      })
      .join(', ');
    return options.dropIfExists ? warn(`${found}; what the source has too will be dropped`) : fail('TM1203', found);
  },
};
