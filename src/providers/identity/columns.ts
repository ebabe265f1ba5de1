import { displayIdent } from '../../postgres/identifiers.ts';
import type { IdentityColumn } from './table.ts';

/** https://www.postgresql.org/docs/current/limits.html */
const MOST_COLUMNS = 32;

/** Columns as people type them in SQL: `id, "Weird Name"`. */
export const formatColumns = (names: readonly string[]): string => names.map(displayIdent).join(', ');

/** Splits at commas outside of quotes. */
function split(text: string): string[] {
  const parts = [''];
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    if (character === ',' && !quoted) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim());
}

/** Without quotes as it stands, or else in lower case, as in SQL. */
function find(typed: string, columns: readonly IdentityColumn[]): IdentityColumn | undefined {
  const named = (name: string) => columns.find((column) => column.name === name);
  const quoted = /^"((?:[^"]|"")*)"$/.exec(typed);
  return quoted ? named((quoted[1] ?? '').replaceAll('""', '"')) : (named(typed) ?? named(typed.toLowerCase()));
}

/** The names that are meant, or what is wrong with them: only columns that are NOT NULL can identify a row. */
export function parseColumns(text: string, columns: readonly IdentityColumn[]): readonly string[] | string {
  const usable = columns.filter((column) => column.notNull).map(({ name }) => name);
  if (text.trim() === '') return `name one column or more of: ${formatColumns(usable)}`;
  const names: string[] = [];
  for (const typed of split(text)) {
    if (typed === '') return 'a name is missing beside a comma';
    const column = find(typed, columns);
    if (column === undefined) return `there is no column ${typed}; NOT NULL are: ${formatColumns(usable)}`;
    if (column.generated)
      return `${displayIdent(column.name)} is generated, and is not sent; NOT NULL are: ${formatColumns(usable)}`;
    if (!column.notNull) return `${displayIdent(column.name)} may be NULL; NOT NULL are: ${formatColumns(usable)}`;
    if (names.includes(column.name)) return `${displayIdent(column.name)} is named twice`;
    names.push(column.name);
  }
  return names.length > MOST_COLUMNS ? `an index has ${MOST_COLUMNS} columns at most` : names;
}

/** The one column of which most says that it is unique; none when nothing says so of any. */
export function proposedColumns(columns: readonly IdentityColumn[]): readonly string[] {
  const [best] = columns
    .filter((column) => column.notNull && column.evidence > 0)
    .sort((one, other) => other.evidence - one.evidence);
  return best === undefined ? [] : [best.name];
}
