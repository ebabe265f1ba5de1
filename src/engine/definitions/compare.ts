import type { Entries, Entry } from './entry.ts';

export interface DifferentField {
  readonly field: string;
  /** Null: it is the default, or there is none. */
  readonly source: string | null;
  readonly target: string | null;
}

export interface Difference {
  readonly state: 'missing' | 'extra' | 'differs';
  /** As the source has it; of an extra object as the target has it. */
  readonly entry: Entry;
  readonly fields: readonly DifferentField[];
}

/** Kinds of what belongs to a relation: the first two parts of its name, or its field `table`, are the relation's name. */
const OF_RELATION = new Set(['column', 'constraint', 'not-null constraint', 'trigger', 'rule', 'policy']);
const RELATIONS = new Set(['table', 'foreign table', 'view', 'materialized view', 'composite type', 'domain']);
/** Their first part is a schema. */
const IN_NO_SCHEMA = new Set([
  ...['schema', 'extension', 'cast', 'transform', 'language', 'access method', 'event trigger', 'foreign-data wrapper'],
  ...['server', 'user mapping', 'default privileges', 'operator class', 'operator family'],
]);

/** Fields of an index that its definition and its constraint repeat. */
const NOT_COMPARED = new Set(['unique', 'constraint']);

/** An index that is not valid on the source is no part of a dump, and need not be on the target. */
const isInvalidIndex = ({ kind, fields }: Entry): boolean => kind === 'index' && fields.valid === 'no';

/** What differs between two databases. The parts of a missing object are not listed besides the object. */
export function compareEntries(source: Entries, target: Entries): Difference[] {
  const differences: Difference[] = [];
  for (const [key, entry] of source) {
    if (isInvalidIndex(entry)) continue;
    const other = target.get(key);
    if (!other) differences.push({ state: 'missing', entry, fields: [] });
    else {
      const fields = differentFields(entry, other);
      if (fields.length > 0) differences.push({ state: 'differs', entry, fields });
    }
  }
  for (const [key, entry] of target) if (!source.has(key)) differences.push({ state: 'extra', entry, fields: [] });
  return withoutParts(differences);
}

function differentFields(source: Entry, target: Entry): DifferentField[] {
  // The options of a user mapping are shown to its user, to the server's owner and to superusers.
  if (source.fields.hidden !== undefined || target.fields.hidden !== undefined) return [];
  const names = new Set([...Object.keys(source.fields), ...Object.keys(target.fields)]);
  return [...names]
    .filter((field) => !(source.kind === 'index' && NOT_COMPARED.has(field)) && field !== 'table')
    .filter((field) => source.fields[field] !== target.fields[field])
    .sort()
    .map((field) => ({ field, source: source.fields[field] ?? null, target: target.fields[field] ?? null }));
}

/** Without the columns, constraints and so on of a relation that one side lacks, and the objects of a schema that it lacks. */
function withoutParts(differences: readonly Difference[]): Difference[] {
  const whole = new Set(
    differences
      .filter(({ state, entry }) => state !== 'differs' && (RELATIONS.has(entry.kind) || entry.kind === 'schema'))
      .map(({ entry }) => JSON.stringify(entry.name)),
  );
  const constraints = new Set(
    differences
      .filter(({ state, entry }) => state !== 'differs' && entry.kind === 'constraint')
      .map(({ entry }) => JSON.stringify([entry.name[0], entry.name[2]])),
  );
  return differences.filter(({ state, entry: { kind, name, fields } }) => {
    if (state === 'differs') return true;
    if (kind !== 'schema' && !IN_NO_SCHEMA.has(kind) && whole.has(JSON.stringify([name[0]]))) return false;
    if (OF_RELATION.has(kind) && whole.has(JSON.stringify(name.slice(0, 2)))) return false;
    if (fields.table !== undefined && whole.has(fields.table)) return false;
    // The index of a constraint comes and goes with it.
    return !(kind === 'index' && fields.constraint !== undefined && constraints.has(JSON.stringify(name)));
  });
}
