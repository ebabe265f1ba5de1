/** Quotes one identifier. The only place that does: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS */
export const quoteIdent = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** `"schema"."name"`. */
export const qualified = (relation: { readonly schema: string; readonly name: string }): string =>
  `${quoteIdent(relation.schema)}.${quoteIdent(relation.name)}`;

/** Quotes a string constant, safe whatever `standard_conforming_strings` says. */
export function quoteLiteral(value: string): string {
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return value.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** How we name a column to people: like psql, quoted only where it must be. */
export const displayIdent = (name: string): string => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : quoteIdent(name));

/** How we name a relation to people. */
export const displayName = (relation: { readonly schema: string; readonly name: string }): string =>
  `${displayIdent(relation.schema)}.${displayIdent(relation.name)}`;
