import type { Entries, Entry } from './entry.ts';

/** Fields that came with a major release: they are compared where both servers have them. */
const SINCE: readonly (readonly [kind: string, field: string, version: number])[] = [
  ['range type', 'multirange', 140000],
  ['base type', 'subscript', 140000],
  ['column', 'compression', 140000],
  ['statistics object', 'statistics target', 130000],
  ['collation', 'rules', 160000],
];

/** NOT NULL is a constraint with a name since 18. */
const NOT_NULL_CONSTRAINTS = 180000;

/** What both servers can have, by the older version of the two. */
export function asFarAsKnown(entries: Entries, version: number): Entries {
  const known = new Map<string, Entry>();
  const unknown = SINCE.filter(([, , since]) => version < since);
  for (const [key, entry] of entries) {
    if (entry.kind === 'not-null constraint' && version < NOT_NULL_CONSTRAINTS) continue;
    const fields = unknown.filter(([kind]) => kind === entry.kind).map(([, field]) => field);
    known.set(key, fields.length === 0 ? entry : withoutFields(entry, fields));
  }
  return known;
}

export function withoutFields(entry: Entry, names: readonly string[]): Entry {
  return {
    ...entry,
    fields: Object.fromEntries(Object.entries(entry.fields).filter(([name]) => !names.includes(name))),
  };
}
