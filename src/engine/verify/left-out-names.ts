import { displayIdent, displayName } from '../../postgres/identifiers.ts';
import type { EntryName } from '../schema/leave-out.ts';

const RELATIONS: Readonly<Record<string, string>> = {
  VIEW: 'view',
  'MATERIALIZED VIEW': 'materialized view',
  INDEX: 'index',
  SEQUENCE: 'sequence',
  TYPE: 'type',
  DOMAIN: 'type',
};
const ROUTINES = new Set(['FUNCTION', 'PROCEDURE', 'AGGREGATE']);
const ON_TABLES: Readonly<Record<string, string>> = {
  CONSTRAINT: 'constraint',
  'FK CONSTRAINT': 'constraint',
  'CHECK CONSTRAINT': 'constraint',
  TRIGGER: 'trigger',
  POLICY: 'policy',
};

/** What was left out on request, as `kind name` of the comparison of objects. */
export const namesOfLeftOut = (leftOut: readonly EntryName[]): ReadonlySet<string> => new Set(leftOut.flatMap(namesOf));

function namesOf({ type, schema, name }: EntryName): string[] {
  const relation = RELATIONS[type];
  if (relation) return [`${relation} ${displayName({ schema, name })}`];
  if (ROUTINES.has(type)) {
    const at = name.indexOf('(');
    const args = name.slice(at).replaceAll(', ', ',');
    return [`function ${displayName({ schema, name: name.slice(0, at) })}${args}`];
  }
  const kind = ON_TABLES[type];
  if (!kind) return [];
  // `table name`, either of which may hold spaces.
  const words = name.split(' ');
  return words.slice(1).flatMap((_, index) => {
    const [table, own] = [words.slice(0, index + 1).join(' '), words.slice(index + 1).join(' ')];
    const on = `${kind} ${displayName({ schema, name: table })}.${displayIdent(own)}`;
    return type === 'CONSTRAINT' ? [on, `index ${displayName({ schema, name: own })}`] : [on];
  });
}
