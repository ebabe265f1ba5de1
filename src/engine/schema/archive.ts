import { MigrateError } from '../../errors/migrate-error.ts';

/** One object of a pg_dump archive with the SQL that makes it. */
export interface ArchiveEntry {
  readonly dumpId: number;
  /** Catalog and OID on the source; 0 where the object has no row of its own (comments, grants). */
  readonly classOid: number;
  readonly oid: number;
  /** Dump ids that must exist before. */
  readonly dependencies: readonly number[];
  /** `TABLE`, `INDEX`, `FK CONSTRAINT`, `COMMENT`… as pg_restore --list calls them. */
  readonly type: string;
  readonly schema: string;
  readonly name: string;
  readonly sql: string;
  /** Names the entry in our records, whatever dump it comes from. */
  readonly key: string;
}

/**
 * Lines of pg_dump end with a newline only. JavaScript's `.`, `^` and `$` also take U+2028 and U+2029 for the end of a line, and names may
 * hold these. So in patterns for a dump `(?<![^\n])` is the start of a line, and `[^\n]` any character of it.
 */
const HEADER = new RegExp(
  String.raw`(?<![^\n])--\n-- TOC entry (\d+) \(class (\d+) OID (\d+)\)\n(?:-- Dependencies:((?: \d+)+)\n)?` +
    String.raw`-- Name: ([^\n]*); Type: ([^\n]*?); Schema: ([^\n]*?); Owner: [^\n]*\n(?:-- Data Pos: [^\n]*\n)?--\n`,
  'g',
);

/** Lines of `pg_restore --list`: `215; 1259 16395 TABLE public p postgres`. Comments begin with a semicolon. */
export const listedIds = (list: string): Set<number> =>
  new Set([...list.matchAll(/(?<![^\n])(\d+); /g)].map((match) => Number(match[1])));

/**
 * Takes the script that `pg_restore --verbose --file=-` writes apart into its entries. Rejects a script in which a
 * function body or a name pretends to be an entry: every id must be one that `pg_restore --list` knows, and come once.
 */
export function parseScript(script: string, known: ReadonlySet<number>): ArchiveEntry[] {
  const text = withoutFrame(script);
  const headers = [...text.matchAll(HEADER)];
  const seen = new Set<number>();
  const keys = new Map<string, number>();
  return headers.map((match, index) => {
    const [header, id, classOid, oid, dependencies, quotedName, type, schema] = match;
    const dumpId = Number(id);
    if (!known.has(dumpId) || seen.has(dumpId)) {
      throw new MigrateError('TM2001', {
        side: 'source',
        object: `${type} ${schema}.${quotedName}`,
        message: 'an object of the schema contains text that looks like an entry of the dump',
        hint: 'Look for "-- TOC entry" in function bodies, comments and defaults of the source, and change that text.',
      });
    }
    seen.add(dumpId);
    const name = plainName(type ?? '', quotedName ?? '');
    const plainKey = `${type} ${schema}.${name}`;
    const repeated = keys.get(plainKey) ?? 0;
    keys.set(plainKey, repeated + 1);
    const start = (match.index ?? 0) + header.length;
    return {
      dumpId,
      classOid: Number(classOid),
      oid: Number(oid),
      dependencies: (dependencies ?? '').trim().split(' ').filter(Boolean).map(Number),
      type: type ?? '',
      schema: schema ?? '',
      name,
      sql: portable(type ?? '', text.slice(start, headers[index + 1]?.index ?? text.length)).trim(),
      key: repeated === 0 ? plainKey : `${plainKey} (${repeated + 1})`,
    };
  });
}

/** Rejects with TM2001 when an entry that `pg_restore --list` knows was not found in the script: it would be left out in silence. */
export function requireAll(known: ReadonlySet<number>, entries: readonly ArchiveEntry[]): void {
  const found = new Set(entries.map(({ dumpId }) => dumpId));
  const missing = [...known].filter((id) => !found.has(id));
  if (missing.length === 0) return;
  throw new MigrateError('TM2001', {
    side: 'source',
    message: `entries of the dump were not understood: ${missing.slice(0, 10).join(', ')}`,
    hint: 'Report it with the lines of pg_restore --list schema.dump in the work directory that begin with these numbers.',
  });
}

/** Types whose entries are named by SQL: with --quote-all-identifiers each identifier in it is quoted. */
const NAMED_BY_SQL = new Set(['FUNCTION', 'PROCEDURE', 'AGGREGATE', 'CAST', 'TRANSFORM', 'COMMENT', 'ACL']);

/** The name as without that option. */
const plainName = (type: string, name: string): string =>
  NAMED_BY_SQL.has(type) ? name.replaceAll(/"([a-z_][a-z0-9_$]*)"/g, '$1') : name;

/** Without psql's `\restrict` lines and the closing comments, which stand outside the entries. */
function withoutFrame(script: string): string {
  const end = script.search(
    /\n(?:-- Completed on .*\n+)?(?:--\n-- PostgreSQL database dump complete\n--\n+)(?:\\unrestrict \S+\n*)?$/,
  );
  return end < 0 ? script : script.slice(0, end + 1);
}

const WITH_COLUMN_OPTIONS = new Set(['TABLE', 'FOREIGN TABLE', 'MATERIALIZED VIEW', 'VIEW', 'INDEX']);

/**
 * Some minor releases keep a version number in every column's `attoptions`; older pg_dumps write it out as an option,
 * which newer servers refuse: `ALTER COLUMN c SET (pg_attver=3)`.
 */
function portable(type: string, sql: string): string {
  if (!WITH_COLUMN_OPTIONS.has(type) || !sql.includes('pg_attver')) return sql;
  return sql
    .replace(/(?<![^\n])ALTER (?:FOREIGN )?TABLE [^;]* ALTER COLUMN [^;]* SET \(pg_attver=\d+\);\n/g, '')
    .replace(
      /(?<![^\n])(ALTER (?:FOREIGN )?TABLE [^;]* ALTER COLUMN [^;]* SET \([^)]*?),? ?pg_attver=\d+(?:, )?/g,
      '$1',
    );
}
