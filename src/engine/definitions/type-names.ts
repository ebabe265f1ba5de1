import type { Entry } from './entry.ts';

/** Since 17 `format_type` prints json as a word of SQL; before, as a name, which is quoted. */
const JSON_TYPE = /(?<![\w".])"json"(?![\w".])/g;

const withTypeNames = (text: string): string => text.replaceAll(JSON_TYPE, 'json');

/** Their names hold types. */
const NAMED_BY_TYPES = new Set(['function', 'procedure', 'aggregate', 'operator', 'cast', 'transform']);

/** They hold no names of types, or are SQL that a server can print again. */
const NOT_OF_TYPES = new Set([
  ...[
    'definition',
    'default',
    'using',
    'check',
    'comment',
    'labels',
    'options',
    'foreign options',
    'privileges',
    'tags',
    'rules',
  ],
]);

/** The entry with the names of types as all versions can print them. */
export function withSameTypeNames(entry: Entry): Entry {
  const fields = Object.entries(entry.fields).map(([field, text]): [string, string] => [
    field,
    NOT_OF_TYPES.has(field) ? text : withTypeNames(text),
  ]);
  const name = NAMED_BY_TYPES.has(entry.kind) ? entry.name.map(withTypeNames) : entry.name;
  return { ...entry, name, fields: Object.fromEntries(fields) };
}
