import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import type { Check } from '../../src/providers/check.ts';
import { checksFor, detectProvider, runChecks } from '../../src/providers/index.ts';
import { withCheckContext } from '../support/check-context.ts';
import { withClient } from '../support/test-servers.ts';

const TABLES = 10_000;
const MOST_STATEMENTS = 40;

/** A third with a primary key, a third with a unique index that may be an identity, a third without; in ten schemas. */
const createTables = `DO $$ BEGIN
  FOR i IN 0..9 LOOP EXECUTE format('CREATE SCHEMA s%s', i); END LOOP;
  FOR i IN 1..${TABLES} LOOP
    CASE i % 3
      WHEN 0 THEN EXECUTE format('CREATE TABLE s%s.t%s (id bigint PRIMARY KEY, note text)', i % 10, i);
      WHEN 1 THEN EXECUTE format('CREATE TABLE s%s.t%s (id bigint NOT NULL UNIQUE, note text)', i % 10, i);
      ELSE EXECUTE format('CREATE TABLE s%s.t%s (id bigint, note text)', i % 10, i);
    END CASE;
    IF i % 500 = 0 THEN COMMIT; END IF;
  END LOOP;
END $$`;

/** What clients have asked for, by the server's log: simple statements, and those with parameters. */
const statementsIn = (log: string): string[] =>
  log.split('\n').filter((line) => /LOG: {2}(statement|execute [^:]*):/.test(line));

describe(`given a source with ${TABLES} tables`, () => {
  let source: DemoServer;
  let target: DemoServer;
  beforeAll(async () => {
    const settings = { log_statement: 'all' };
    [source, target] = await Promise.all([
      startServer({ name: 'many', settings }),
      startServer({ name: 'many-target', settings }),
    ]);
    await withClient(source.uri('postgres'), (client) => client.query(createTables));
  });
  afterAll(() => Promise.all([source.stop(), target.stop()]));

  const runAll = (among: (check: Check) => boolean = () => true) =>
    withCheckContext({ source: source.uri('postgres'), target: target.uri('postgres') }, async (context) => {
      await detectProvider(context.source);
      return runChecks(context, () => undefined, checksFor('selfhosted-postgres').filter(among));
    });
  /** It makes the whole schema. */
  const isTrial = ({ id }: Pick<Check, 'id'>) => id === 'target-schema';

  test(`all checks take fewer than ${MOST_STATEMENTS} statements a side`, async () => {
    const before = { source: (await source.log()).length, target: (await target.log()).length };
    const started = performance.now();
    const results = await runAll((check) => !isTrial(check));
    const ms = Math.round(performance.now() - started);
    const onSource = statementsIn((await source.log()).slice(before.source));
    const onTarget = statementsIn((await target.log()).slice(before.target));
    const figures = `${onSource.length} statements on the source, ${onTarget.length} on the target, ${ms} ms`;
    expect(results).toHaveLength(checksFor('selfhosted-postgres').length - 1);
    expect(results.filter(({ found }) => found.startsWith('could not be found out'))).toEqual([]);
    // They were counted at all.
    expect(onSource.length, figures).toBeGreaterThan(5);
    expect(onTarget.length, figures).toBeGreaterThan(5);
    expect(onSource.length, `${figures}\n${onSource.join('\n')}`).toBeLessThan(MOST_STATEMENTS);
    expect(onTarget.length, `${figures}\n${onTarget.join('\n')}`).toBeLessThan(MOST_STATEMENTS);
    expect(results.find(({ id }) => id === 'source-select-right')?.found).toMatch(/^10000 tables/);
  });

  test('the trial of the schema makes all of them, within the locks that the target has, and leaves nothing behind', async () => {
    const [trial] = await runAll(isTrial);
    expect(trial).toMatchObject({ status: expect.stringMatching(/^(pass|warn)$/), code: null });
    // On a busy machine there may be no time for all.
    const [, tried = '0'] = /^(\d+) objects can be made/.exec(trial?.found ?? '') ?? [];
    expect(Number(tried), trial?.found).toBeGreaterThan(1000);
    if (trial?.status === 'pass') expect(Number(tried)).toBeGreaterThanOrEqual(TABLES);
    await withClient(target.uri('postgres'), async (client) => {
      const left = await client.query(
        `SELECT count(*) AS n FROM pg_class WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^s[0-9]')`,
      );
      expect(left.rows).toEqual([{ n: '0' }]);
    });
  });

  test('they do not wait for a table that somebody has locked', async () => {
    await withClient(source.uri('postgres'), async (other) => {
      await other.query('BEGIN; LOCK TABLE s1.t1 IN ACCESS EXCLUSIVE MODE');
      // That of the trial has a short patience of its own, in pg_dump.
      const results = await runAll((check) => !isTrial(check));
      expect(results.filter(({ found }) => found.startsWith('could not be found out'))).toEqual([]);
      // The lock was held all the time.
      expect((await other.query('SELECT count(*) FROM s1.t1')).rows).toEqual([{ count: '0' }]);
      await other.query('ROLLBACK');
    });
  });
});
