import type pg from 'pg';
import { readSearchPath } from '../../engine/search-path.ts';
import { displayName, quoteIdent } from '../../postgres/identifiers.ts';
import { matches } from '../../postgres/patterns.ts';
import { giveSearchPath, type SearchPath, searchPathValue } from '../../postgres/search-path.ts';
import type { Check, CheckOutcome, CheckRun } from '../check.ts';
import { server } from '../facts/server.ts';
import { fail, info, listed, pass, warn } from '../outcome.ts';
import { migrated } from '../relations.ts';
import { leftOutOf } from '../schema-of-source.ts';
import { type Expression, expressionsFact, readViews } from '../search-path/expressions.ts';
import { nameByPath, readBodies, readNamesOfPath } from '../search-path/names-in-body.ts';
import { type Finding, tryExpression } from '../search-path/try-expression.ts';

/** From here on the server itself takes the search_path away from CREATE INDEX, REFRESH and ANALYZE: https://www.postgresql.org/docs/17/release-17.html */
const MAINTENANCE_WITHOUT_PATH = 170000;
const BY_MAINTENANCE: readonly Expression['kind'][] = ['index', 'statistics', 'materialized view'];

/** Of expressions of one kind with the same functions: what holds for these holds for all. */
const TRIED_ALIKE = 3;
const TRIED = 300;

/** How we name an expression to people. */
export function titleOf({ kind, schema, relation, name }: Expression): string {
  const of = displayName({ schema, name: relation });
  return name === ''
    ? `${kind} of ${of}`.replace('materialized view of', 'materialized view')
    : `${kind} ${name} of ${of}`;
}

/** What the options leave in the migration. */
export async function wantedOf(expressions: readonly Expression[], run: CheckRun): Promise<Expression[]> {
  const { options } = run;
  const leftOut = await leftOutOf(run);
  const isLeftOut = ({ kind, schema, relation, name }: Expression): boolean =>
    leftOut.some(
      (entry) =>
        entry.type === kind.toUpperCase() && entry.schema === schema && entry.name === (name === '' ? relation : name),
    );
  return migrated(
    expressions.map((one) => ({ ...one, of: one, name: one.relation })),
    options,
  )
    .map(({ of }) => of)
    .filter(
      ({ kind, name }) => kind !== 'index' || !options.skipIndex.some((one) => matches(one, { schema: '', name })),
    )
    .filter((one) => !isLeftOut(one));
}

/**
 * Whether functions of the database may run as our role. Those of others could do with a superuser's rights whatever they like, so
 * then they are only planned and read.
 */
export async function mayRunFunctions({ source, ask }: CheckRun): Promise<(expression: Expression) => boolean> {
  const { role } = await ask('source', server);
  if (!role.superuser) return ({ ours }) => ours;
  const { rows } = await source.query<{ trusted: string }>(
    `SELECT NOT EXISTS (SELECT FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
       WHERE p.oid >= 16384 AND NOT r.rolsuper) AND NOT EXISTS (SELECT FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
       WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT r.rolsuper) AS trusted`,
  );
  return () => rows[0]?.trusted === 't';
}

interface Looked {
  readonly found: readonly Finding[];
  /** There were too many. */
  readonly untried: readonly Expression[];
  /** The statements that would help. */
  readonly fix: (finding: Finding) => string[];
}

async function lookAtAll(run: CheckRun): Promise<Looked> {
  const { source, sourceSettings, signal, ask } = run;
  const called = (await ask('source', expressionsFact))
    .map((one) => ({ ...one, functions: one.functions.filter(({ bySearchPath }) => bySearchPath) }))
    .filter(({ functions }) => functions.length > 0);
  const views = await readViews(source);
  const all = await wantedOf(
    [...called, ...views.map((one) => ({ ...one, functions: one.functions.filter((f) => f.bySearchPath) }))],
    run,
  );
  if (all.length === 0) return { found: [], untried: [], fix: () => [] };
  const { path } = await readSearchPath(source, sourceSettings, { side: 'source', application: 'check path', signal });
  giveSearchPath(source, () => path);
  const mayRun = await mayRunFunctions(run);
  const { found, untried } = await tryAll(source, all, mayRun);
  const unsure = found.filter(({ needs, expression }) => needs === 'nothing' && !mayRun(expression));
  const looked = unsure.length === 0 ? found : await readTexts(source, path, found, unsure);
  const value = searchPathValue(path);
  const fix = ({ functions }: Finding) =>
    functions.flatMap(({ signature, ofExtension }) =>
      ofExtension ? [] : [`ALTER FUNCTION ${signature} SET search_path = ${value}`],
    );
  return { found: looked.filter(({ needs }) => needs !== 'nothing'), untried, fix };
}

/** Tries each, or what it has in common with others. */
async function tryAll(
  source: pg.Client,
  all: readonly Expression[],
  mayRun: (expression: Expression) => boolean,
): Promise<{ found: Finding[]; untried: Expression[] }> {
  const byLikeness = new Map<string, Finding[]>();
  const found: Finding[] = [];
  const untried: Expression[] = [];
  let tried = 0;
  await source.query('BEGIN READ ONLY');
  try {
    for (const expression of all) {
      const signatures = expression.functions.map(({ signature }) => signature).join();
      const key = expression.kind === 'materialized view' ? titleOf(expression) : `${expression.kind} ${signatures}`;
      const alike = byLikeness.get(key) ?? [];
      byLikeness.set(key, alike);
      if (alike.length >= TRIED_ALIKE || tried >= TRIED) {
        if (alike.length === 0) untried.push(expression);
        const known = alike.find(({ needs }) => needs !== 'nothing');
        if (known) found.push({ ...known, expression });
        continue;
      }
      tried += 1;
      const finding = await tryExpression(source, expression, mayRun(expression));
      alike.push(finding);
      found.push(finding);
    }
  } finally {
    await source.query('ROLLBACK');
  }
  return { found, untried };
}

/** What was not run: does the text of a function look as if it needed the path? */
async function readTexts(
  source: pg.Client,
  path: SearchPath,
  found: readonly Finding[],
  unsure: readonly Finding[],
): Promise<Finding[]> {
  const names = await readNamesOfPath(source, path);
  const oids = unsure.flatMap(({ expression }) => expression.functions.map(({ oid }) => oid));
  const bodies = await readBodies(source, [...new Set(oids)]);
  return found.map((finding): Finding => {
    if (!unsure.includes(finding)) return finding;
    const named = finding.expression.functions.flatMap((one) => {
      const name = nameByPath(bodies.get(one.oid) ?? '', names);
      return name === null ? [] : [{ one, name }];
    });
    if (!named[0]) return finding;
    const reason = `its function names ${named[0].name} without a schema`;
    return { ...finding, needs: 'perhaps', functions: named.map(({ one }) => one), reason };
  });
}

/** https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY */
export const functionLookups: Check = {
  id: 'source-search-path',
  side: 'source',
  title: 'Functions that need a search_path',
  severity: 'fail',
  wanted:
    'functions in indexes, generated columns, checks and materialized views name what they use with its schema, or have a search_path',
  why: 'Such a function works only in sessions that have the right search_path. The migration uses that of the database. Autovacuum and pg_restore use an empty one. PostgreSQL 17 and newer use an empty one to build an index and to refresh a materialized view.',
  fix: 'ALTER FUNCTION … SET search_path = … on the source. This changes the function, not its results.',
  async run(run) {
    const { found, untried, fix } = await lookAtAll(run);
    const rest = untried.length === 0 ? '' : `; not tried, there are too many: ${listed(untried.map(titleOf), 6)}`;
    if (found.length === 0) {
      if (untried.length === 0) return pass('none');
      return warn(`none of the ${TRIED} that were tried${rest}`, {
        fix: 'Look at the others by hand. What fails there fails when the migration evaluates it.',
      });
    }
    const { versionNumber: target } = await run.ask('target', server);
    const lost = found.filter(
      ({ needs, expression, functions }) =>
        needs === 'more' ||
        (needs === 'path' &&
          target >= MAINTENANCE_WITHOUT_PATH &&
          BY_MAINTENANCE.includes(expression.kind) &&
          !(functions.length > 0 && functions.every(({ ofExtension }) => ofExtension))),
    );
    const shown = (some: readonly Finding[]) =>
      listed(
        some.map(({ expression, reason }) => `${titleOf(expression)} (${reason})`),
        6,
      );
    const remedy = remedyFor(lost.length > 0 ? lost : found, fix);
    if (lost.length === 0) {
      return warn(
        `work with the search_path of the database only, which the migration uses: ${shown(found)}${rest}`,
        remedy,
      );
    }
    const why = lost.some(({ needs }) => needs === 'more')
      ? 'do not work with the search_path of the database either'
      : `can not be made on PostgreSQL ${Math.floor(target / 10000)}, which takes the search_path away`;
    return fail('TM1222', `${why}: ${shown(lost)}${rest}`, remedy);
  },
};

function remedyFor(
  found: readonly Finding[],
  fix: (finding: Finding) => string[],
): Pick<CheckOutcome, 'fix' | 'apply'> {
  const sql = [...new Set(found.flatMap(fix))];
  const more = found.some(({ needs }) => needs === 'more');
  const without = found.filter((finding) => fix(finding).length === 0).map(({ expression }) => titleOf(expression));
  const text = [
    ...(sql.length > 0
      ? [
          `This changes the functions on the source, not their results; the server does not inline them any more: ${sql.map((one) => `${one};`).join(' ')}`,
        ]
      : []),
    ...(more
      ? [
          'Add the schemas that have these names to the search_path of the database, or give them in the connection string of the source: options=-csearch_path=…',
        ]
      : []),
    ...(without.length > 0 ? [`Write the names with their schemas in the definition of: ${listed(without)}`] : []),
  ];
  return {
    fix: text.join('\n'),
    ...(sql.length > 0 && !more ? { apply: { side: 'source', sql, restart: false } } : {}),
  };
}

/** https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-SQL */
export const targetSearchPath: Check = {
  id: 'target-search-path',
  side: 'target',
  title: 'search_path of the database',
  severity: 'warn',
  wanted: 'sessions on the target get the search_path that they have on the source',
  why: 'The application finds by it what it names without a schema.',
  fix: 'Have the owner of the target database run: ALTER DATABASE … SET search_path = …',
  async run({ ask, source, target, sourceSettings, targetSettings, signal }) {
    const as = { application: 'check path', signal } as const;
    const there = await readSearchPath(source, sourceSettings, { side: 'source', ...as });
    const here = await readSearchPath(target, targetSettings, { side: 'target', ...as });
    const shown =
      there.names.map((name) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteIdent(name))).join(', ') || "''";
    if (there.names.join('\n') === here.names.join('\n')) return pass(shown);
    const { database } = await ask('target', server);
    const { rows } = await target.query<{ ours: string }>(
      `SELECT pg_has_role(datdba, 'USAGE') AS ours FROM pg_database WHERE datname = current_database()`,
    );
    const ours = rows[0]?.ours === 't';
    if (there.from === 'database' && ours) return info(`${shown}; the migration sets it on the target`);
    const value = there.names.length === 0 ? `''` : there.names.map(quoteIdent).join(', ');
    const sql = `ALTER DATABASE ${quoteIdent(database.name)} SET search_path = ${value}`;
    return warn(`${shown} on the source, ${here.names.join(', ') || "''"} on the target`, {
      fix: ours ? `On the target: ${sql};` : `Have the owner of the target database, ${database.owner}, run: ${sql};`,
      ...(ours ? { apply: { side: 'target', sql: [sql], restart: false } } : {}),
    });
  },
};
