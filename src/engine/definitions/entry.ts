import { displayIdent } from '../../postgres/identifiers.ts';

/** One object of a database, with everything that pg_dump says of it and what pg_dump leaves out. */
export interface Entry {
  /** `table`, `view`, `function`, `trigger`… */
  readonly kind: string;
  /** Its name by parts, the schema first. The last part of a function is the list of its argument types. */
  readonly name: readonly string[];
  /** The catalog and the OID there: those of this server. */
  readonly catalog: string;
  readonly oid: number;
  /** What is known of it. An absent field is the default. */
  readonly fields: Readonly<Record<string, string>>;
}

/** The same for the same object of both servers. */
export const keyOf = ({ kind, name }: Pick<Entry, 'kind' | 'name'>): string => JSON.stringify([kind, ...name]);

export type Entries = ReadonlyMap<string, Entry>;

const ROUTINES = new Set(['function', 'procedure', 'aggregate', 'operator']);
const QUOTED = /"((?:[^"]|"")*)"/g;

/** Names of types without the quotes that they can do without. */
const displayTypes = (types: string): string =>
  types.replaceAll(QUOTED, (_, name: string) => displayIdent(name.replaceAll('""', '"')));

/** How an object is named to people: `trigger public.t.tr`, `function public.f(integer)`. */
export function describe({ kind, name }: Pick<Entry, 'kind' | 'name'>): string {
  if (ROUTINES.has(kind)) {
    const [schema = '', routine = '', types = ''] = name;
    return `${kind} ${displayIdent(schema)}.${kind === 'operator' ? routine : displayIdent(routine)}(${displayTypes(types)})`;
  }
  if (kind === 'cast') return `cast (${name.map(displayTypes).join(' AS ')})`;
  if (kind === 'transform') return `transform for ${displayTypes(name[0] ?? '')} language ${name[1] ?? ''}`;
  if (kind === 'default privileges') {
    const [role = '', schema = '', objects = ''] = name;
    return `default privileges of ${role} for ${objects}${schema === '' ? '' : ` in schema ${displayIdent(schema)}`}`;
  }
  return `${kind} ${name.map((part) => (part === 'PUBLIC' ? part : displayIdent(part))).join('.')}`;
}
