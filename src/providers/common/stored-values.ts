import type pg from 'pg';
import { readSearchPath } from '../../engine/search-path.ts';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { beginOperatorsPath, giveSearchPath } from '../../postgres/search-path.ts';
import type { Check } from '../check.ts';
import { fail, info, listed, pass, warn } from '../outcome.ts';
import { type Expression, expressionsFact } from '../search-path/expressions.ts';
import { mayRunFunctions, titleOf, wantedOf } from './search-path.ts';

/** Looked at in each table. */
const ROWS = 10_000;
const TABLES = 200;
const TIMEOUT = '5s';
/** All tables together; what is not looked at by then is named. */
const PATIENCE_MS = 60_000;

/** Rows that the function, as it is now, would have otherwise. Compared by their images, which exist for every type. */
const otherNow = ({ kind, name, sql }: Expression): string =>
  kind === 'check'
    ? `(${sql}) IS FALSE`
    : `ROW(${quoteIdent(name)})::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW(${sql})::pg_catalog.record`;

/** Null: that can not be found out. */
async function countOthers(source: pg.Client, expression: Expression): Promise<number | null> {
  const { schema, relation, partitioned } = expression;
  const from = `${partitioned ? '' : 'ONLY '}${qualified({ schema, name: relation })} AS ${quoteIdent(relation)}`;
  await source.query('SAVEPOINT tm_count');
  try {
    const results: unknown = await source.query(
      `SET LOCAL statement_timeout = '${TIMEOUT}'; ${beginOperatorsPath(source)};
       SELECT pg_catalog.count(*) AS others FROM (SELECT ${otherNow(expression)} AS other FROM ${from} LIMIT ${ROWS}) s WHERE s.other`,
    );
    return Number((results as pg.QueryResult<{ others: string }>[]).at(-1)?.rows[0]?.others ?? 0);
  } catch {
    // What can not be evaluated is told by "Functions that need a search_path"; a table may take longer than this.
    return null;
  } finally {
    await source.query('ROLLBACK TO SAVEPOINT tm_count; RELEASE SAVEPOINT tm_count');
  }
}

/** The server computes a generated column anew only when one is updated that it depends on. */
const recompute = (table: string, basis: string | null, where: string): string =>
  basis === null
    ? `add the column anew (it depends on no other one).`
    : `UPDATE ${table} SET ${quoteIdent(basis)} = ${quoteIdent(basis)} WHERE ${where};`;

/** https://www.postgresql.org/docs/current/ddl-generated-columns.html */
export const storedValues: Check = {
  id: 'source-stored-values',
  side: 'source',
  title: 'Values of generated columns and checks',
  severity: 'fail',
  wanted: 'stored generated columns hold the values that their functions give now, and rows satisfy their checks',
  why: `The target computes generated columns again and checks each row. When a function was replaced after rows were written, the target gets other values or refuses rows. This check looks at the first ${ROWS} rows of each table. After the copy, all values of such columns are compared.`,
  fix: 'Compute the values again on the source: UPDATE a column that they depend on.',
  async run(run) {
    const { source, sourceSettings, signal, ask } = run;
    const all = await wantedOf(await ask('source', expressionsFact), run);
    const some = all.filter(({ kind }) => kind === 'generated column' || kind === 'check');
    if (some.length === 0) return pass('none of them calls a function of yours');
    const { path } = await readSearchPath(source, sourceSettings, {
      side: 'source',
      application: 'check path',
      signal,
    });
    giveSearchPath(source, () => path);
    const mayRun = await mayRunFunctions(run);
    const tried = some.filter(mayRun).slice(0, TABLES);
    const open = some.filter((one) => !tried.includes(one));
    const found: { expression: Expression; others: number }[] = [];
    const until = performance.now() + PATIENCE_MS;
    await source.query('BEGIN READ ONLY');
    try {
      for (const expression of tried) {
        signal.throwIfAborted();
        const others = performance.now() < until ? await countOthers(source, expression) : null;
        if (others === null) open.push(expression);
        else if (others > 0) found.push({ expression, others });
      }
    } finally {
      await source.query('ROLLBACK');
    }
    const notSeen = `not looked at, for their functions would run as our role, do not run, or take too long: ${listed(open.map(titleOf))}`;
    if (found.length === 0) {
      if (open.length === 0) return pass(`as their functions give them now (the first ${ROWS} rows of each table)`);
      return info(notSeen, {
        fix: 'Nothing has to be done here. After the copy the values of generated columns are compared; a check that refuses a row ends the copy, with the statement that helps.',
      });
    }
    const refused = found.filter(({ expression }) => expression.kind === 'check');
    const shown = listed(
      found.map(({ expression, others }) => `${titleOf(expression)}: ${others} of the first ${ROWS} rows`),
    );
    const rest = open.length === 0 ? '' : `; ${notSeen}`;
    const fix = found.map(({ expression }) => {
      const { schema, relation, kind, basis } = expression;
      const table = qualified({ schema, name: relation });
      return kind === 'check'
        ? `The copy would fail on these rows. See them: SELECT * FROM ${table} WHERE ${otherNow(expression)}; correct them, or the function, or drop the constraint.`
        : `The target gets the values that the function gives now. To have the same on the source: ${recompute(table, basis, otherNow(expression))}`;
    });
    const remedy = { fix: fix.join('\n') };
    return refused.length > 0
      ? fail('TM1215', `rows that their checks refuse now: ${shown}${rest}`, remedy)
      : warn(`other values than their functions give now: ${shown}${rest}`, remedy);
  },
};
