import { describe, expect } from 'vitest';
import { type BoundTable, bindTable } from '../../../src/engine/apply/bound-table.ts';
import { prepareApplying } from '../../../src/engine/apply/session.ts';
import { statementFor } from '../../../src/engine/apply/source-order.ts';
import type { StreamRelation } from '../../../src/engine/decode/change.ts';
import { connect, destroy } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { type TestDatabase, test } from '../../support/databases.ts';
import { deleted, updated } from '../../unit/engine/tuples.ts';

const TEXT = 25;
const relation = (identity: 'full' | 'default'): StreamRelation => ({
  oid: 1,
  schema: 'public',
  name: 't',
  identity,
  columns: ['a', 'b', 'c'].map((name) => ({ name, key: identity === 'full' || name === 'a', type: TEXT, typmod: -1 })),
});

/** Binds table t of a database, and tells how the server would carry out the statement of a change. */
async function planner(database: TestDatabase, identity: 'full' | 'default') {
  const client = await connect(parseConnectionString(database.uri, {}), { side: 'target', application: 'lookup' });
  const table: BoundTable = await bindTable(client, relation(identity), { schema: 'public', name: 't' });
  const planOf = async (change: Parameters<typeof statementFor>[1]) => {
    const statement = statementFor(table, change);
    const { rows } = await client.query(`EXPLAIN (COSTS OFF) ${statement?.text}`, [...(statement?.values ?? [])]);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };
  return { client, table, planOf, [Symbol.dispose]: () => destroy(client) };
}

const FILL = `INSERT INTO t SELECT nullif(g::text, '7'), 'b' || g % 2, NULL FROM generate_series(1, 20000) g; ANALYZE t`;

describe('a row of the target is looked up, not searched for', () => {
  test('by its key', async ({ databases: { target } }) => {
    await target.query(`CREATE TABLE t (a text PRIMARY KEY, b text, c text)`);
    await target.query(FILL.replace(`nullif(g::text, '7')`, 'g::text'));
    using plans = await planner(target, 'default');
    expect(plans.table.match.by).toBe('key');
    expect(await plans.planOf(updated(['5', 'x', null]))).toMatch(/Index Scan using t_pkey/);
    expect(await plans.planOf(deleted('5', null, null))).toMatch(/Index Scan using t_pkey/);
  });

  test('by any index under FULL, also when the value is NULL', async ({ databases: { target } }) => {
    await target.query(`CREATE TABLE t (a text, b text, c text); CREATE INDEX by_a ON t (a)`);
    await target.query(FILL);
    using plans = await planner(target, 'full');
    expect(plans.table.match.by).toBe('image');
    for (const a of ['5', null]) {
      expect(await plans.planOf(updated([a, 'x', null], { whole: [a, 'b1', null] }))).toMatch(/Index Scan using by_a/);
      expect(await plans.planOf(deleted(a, 'b1', null))).toMatch(/Index Scan using by_a/);
    }
  });

  test('by its key, also when the statement was planned while the table was empty', async ({
    databases: { target },
  }) => {
    await target.query(`CREATE TABLE t (a text PRIMARY KEY, b text, c text)`);
    await target.query(`INSERT INTO t VALUES ('0'); ANALYZE t`);
    using plans = await planner(target, 'default');
    await prepareApplying(plans.client);
    await plans.client.query(
      `PREPARE one (text) AS UPDATE public.t SET b = 'x' WHERE a = $1; SET plan_cache_mode = force_generic_plan`,
    );
    await plans.client.query(`EXECUTE one ('0')`);
    await target.query(FILL.replace(`nullif(g::text, '7')`, 'g::text').replace('ANALYZE t', ''));
    const { rows } = await plans.client.query(`EXPLAIN (COSTS OFF) EXECUTE one ('5')`);
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(/Index Scan using t_pkey/);
  });

  test('by a unique index of the target under FULL', async ({ databases: { target } }) => {
    await target.query(`CREATE TABLE t (a text NOT NULL, b text, c text); CREATE UNIQUE INDEX by_a ON t (a)`);
    using plans = await planner(target, 'full');
    expect(plans.table.match).toMatchObject({ by: 'key', columns: [{ name: 'a' }] });
  });

  test.for([
    ['partial', `CREATE UNIQUE INDEX ON t (a) WHERE b <> 'x'`],
    ['on an expression', 'CREATE UNIQUE INDEX ON t (lower(a))'],
    ['with a column that may be NULL', 'CREATE UNIQUE INDEX ON t (a, b)'],
    ['deferrable', 'ALTER TABLE t ADD UNIQUE (a) DEFERRABLE'],
  ])('a unique index that is %s does not name a row', async ([, index], { databases: { target } }) => {
    await target.query(`CREATE TABLE t (a text NOT NULL, b text, c text); ${index}`);
    using plans = await planner(target, 'full');
    expect(plans.table.match.by).toBe('image');
  });
});
