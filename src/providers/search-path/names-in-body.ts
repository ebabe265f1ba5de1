import type pg from 'pg';
import type { SearchPath } from '../../postgres/search-path.ts';

/** Names that only the search_path finds: no schema of PostgreSQL's has them. */
export interface NamesOfPath {
  readonly functions: ReadonlySet<string>;
  readonly relations: ReadonlySet<string>;
}

const NAMES = `
WITH path AS (SELECT oid FROM pg_namespace WHERE nspname = ANY (ARRAY(SELECT json_array_elements_text($1::json))))
SELECT 'f' AS kind, proname::text AS name FROM pg_proc WHERE pronamespace IN (SELECT oid FROM path)
   AND proname NOT IN (SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace)
UNION SELECT 'r', relname FROM pg_class WHERE relnamespace IN (SELECT oid FROM path) AND relkind IN ('r', 'p', 'v', 'm', 'f')
   AND relname NOT IN (SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace)`;

export async function readNamesOfPath(source: pg.Client, path: SearchPath): Promise<NamesOfPath> {
  const { rows } = await source.query<{ kind: string; name: string }>(NAMES, [JSON.stringify(path)]);
  const of = (wanted: string) => new Set(rows.flatMap(({ kind, name }) => (kind === wanted ? [name] : [])));
  return { functions: of('f'), relations: of('r') };
}

/** The texts of functions, by OID. */
export async function readBodies(source: pg.Client, oids: readonly number[]): Promise<Map<number, string>> {
  const { rows } = await source.query<{ oid: string; body: string }>(
    'SELECT oid::int8 AS oid, prosrc AS body FROM pg_proc WHERE oid = ANY ($1::oid[])',
    [`{${oids.join(',')}}`],
  );
  return new Map(rows.map(({ oid, body }) => [Number(oid), body]));
}

const COMMENTS_AND_TEXTS = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'/g;
const WORD = `("(?:[^"]|"")+"|[\\p{L}_][\\p{L}\\p{N}_$]*)`;
const CALLS = new RegExp(`(?<![\\p{L}\\p{N}_$".])${WORD}\\s*\\(`, 'gu');
const RELATIONS = new RegExp(
  `\\b(?:from|join|into|update|table)\\s+(?:only\\s+)?${WORD}(?!\\s*[.(\\p{L}\\p{N}_$])`,
  'giu',
);

const nameOf = (word: string): string =>
  word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word.toLowerCase();

/**
 * The first name in a function's text that seems to need the search_path; null when there is none. A guess: the text is not parsed, and
 * what it puts together at run time is not seen.
 */
export function nameByPath(body: string, names: NamesOfPath): string | null {
  const text = body.replace(COMMENTS_AND_TEXTS, ' ');
  const found = (pattern: RegExp, known: ReadonlySet<string>) =>
    [...text.matchAll(pattern)].map(([, word]) => nameOf(word ?? '')).find((name) => known.has(name));
  return found(CALLS, names.functions) ?? found(RELATIONS, names.relations) ?? null;
}
