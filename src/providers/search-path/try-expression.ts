import type pg from 'pg';
import { errorCode } from '../../postgres/connection-errors.ts';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { beginOperatorsPath, END_OPERATORS_PATH } from '../../postgres/search-path.ts';
import type { CalledFunction, Expression } from './expressions.ts';

/**
 * What an expression needs. `nothing`: it gives the same with an empty search_path. `path`: it needs that of the database. `more`: it
 * fails with that, too. `perhaps`: its functions were only read, and look as if they needed one.
 */
export interface Finding {
  readonly expression: Expression;
  readonly needs: 'nothing' | 'path' | 'more' | 'perhaps';
  /** What the server said, or how the values differ. */
  readonly reason: string;
  /** Those that ALTER FUNCTION would help. */
  readonly functions: readonly CalledFunction[];
}

const ROWS = 100;
const TIMEOUT = '3s';

/** undefined_function, undefined_table, undefined_object, invalid_schema_name */
const NOT_FOUND = new Set(['42883', '42P01', '42704', '3F000']);

interface Statements {
  /** Planned only: the server inlines functions. No table is read, for the indexes of one are looked into as well. */
  readonly plan: string;
  readonly rows: string;
}

const hashed = (list: string): string => `pg_catalog.md5(ROW(${list})::pg_catalog.text)`;

function statementsOf({ kind, schema, relation, partitioned, sql, sample }: Expression): Statements {
  const name = qualified({ schema, name: relation });
  if (kind === 'materialized view') {
    return { plan: sql, rows: `SELECT ${hashed('q.*')} FROM (${sql}) q LIMIT ${ROWS}` };
  }
  if (kind === 'domain') {
    const cast = `SELECT (x.v)::${name} FROM (SELECT NULL::${sql} AS v OFFSET 0) x`;
    return { plan: cast, rows: sample === null ? cast : `SELECT ${hashed(`(x.v)::${name}`)} FROM (${sample}) x` };
  }
  const alias = quoteIdent(relation);
  const nothing = `(SELECT (r.r).* FROM (SELECT NULL::${name} AS r OFFSET 0) r OFFSET 0) AS ${alias}`;
  return {
    plan: `SELECT ${sql} FROM ${nothing}`,
    rows: `SELECT ${hashed(sql)} FROM ${partitioned ? '' : 'ONLY '}${name} AS ${alias} LIMIT ${ROWS}`,
  };
}

/** Runs statements inside a savepoint that is rolled back; gives the rows of the last, or the error. */
async function attempt(client: pg.Client, sql: string): Promise<{ rows: string[] } | { error: unknown }> {
  await client.query('SAVEPOINT tm_try');
  try {
    const results: unknown = await client.query(sql);
    const last = (Array.isArray(results) ? results : [results]).at(-1) as pg.QueryResult<Record<string, string>>;
    return { rows: last.rows.map((row) => String(Object.values(row)[0])) };
  } catch (error) {
    return { error };
  } finally {
    await client.query(`ROLLBACK TO SAVEPOINT tm_try; RELEASE SAVEPOINT tm_try`);
  }
}

const isNotFound = (tried: { rows: string[] } | { error: unknown }): boolean =>
  'error' in tried && NOT_FOUND.has(errorCode(tried.error));

const messageOf = (tried: { rows: string[] } | { error: unknown }): string =>
  'error' in tried && tried.error instanceof Error ? tried.error.message : '';

/**
 * The function whose search_path would do: the outermost, of which the expression calls one or more. The last line of the context names it.
 */
function toAlter(functions: readonly CalledFunction[], tried: { rows: string[] } | { error: unknown }) {
  const where = 'error' in tried ? String((tried.error as { where?: unknown }).where ?? '') : '';
  const outermost = where.split('\n').at(-1) ?? '';
  const named = functions.filter(({ name }) => outermost.includes(name));
  return named.length > 0 ? named : functions;
}

/**
 * Tries an expression with an empty search_path and with that of the session, in the open transaction. Rows are only read where
 * `mayRun`: their functions run as our role.
 */
export async function tryExpression(source: pg.Client, expression: Expression, mayRun: boolean): Promise<Finding> {
  const { plan, rows } = statementsOf(expression);
  const { functions } = expression;
  const operators = beginOperatorsPath(source);
  const withPath = await attempt(source, `${operators}; EXPLAIN (COSTS OFF) ${plan}`);
  if (isNotFound(withPath)) {
    return { expression, needs: 'more', reason: messageOf(withPath), functions: toAlter(functions, withPath) };
  }
  const planned = await attempt(source, `EXPLAIN (COSTS OFF) ${plan}`);
  const found = (
    needs: Finding['needs'],
    tried: { rows: string[] } | { error: unknown },
    reason = messageOf(tried),
  ) => ({
    expression,
    needs,
    reason,
    functions: toAlter(functions, tried),
  });
  if (!mayRun) return isNotFound(planned) ? found('path', planned) : found('nothing', planned);
  // Planned with the operator's path, so that the indexes of the table do no harm; run with it, and without.
  const declare = `SET LOCAL statement_timeout = '${TIMEOUT}'; ${operators}; DECLARE tm_rows NO SCROLL CURSOR FOR ${rows}`;
  const own = await attempt(source, `${declare}; FETCH ALL FROM tm_rows`);
  if (isNotFound(own)) return found('more', own);
  if (isNotFound(planned)) return found('path', planned);
  const empty = await attempt(source, `${declare}; ${END_OPERATORS_PATH}; FETCH ALL FROM tm_rows`);
  if (isNotFound(empty)) return found('path', empty);
  if ('rows' in own && 'error' in empty) return found('path', empty);
  if ('rows' in own && 'rows' in empty && own.rows.join() !== empty.rows.join()) {
    return found('path', empty, 'it gives other values with an empty search_path');
  }
  return found('nothing', empty);
}
