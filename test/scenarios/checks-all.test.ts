import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { PROVIDERS } from '../../src/engine/options.ts';
import type { Check, CheckResult } from '../../src/providers/check.ts';
import { checksFor, detectProvider, firstFailure, runCheck, runChecks } from '../../src/providers/index.ts';
import { withCheckContext } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { withClient } from '../support/test-servers.ts';

describe('all checks', () => {
  test('given an ordinary source and an empty target, nothing fails', async ({ databases: { source, target } }) => {
    await source.query(`CREATE TABLE orders (id bigint PRIMARY KEY, note text);
      CREATE TABLE "we""ird 😀
name" (id int PRIMARY KEY)`);
    const seen: CheckResult[] = [];
    const results = await withCheckContext({ source: source.uri, target: target.uri }, (context) =>
      runChecks(context, (result) => seen.push(result)),
    );
    expect(seen).toEqual(results);
    expect(results.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(firstFailure(results)).toBeNull();
  });

  for (const provider of PROVIDERS) {
    test(`given source kind ${provider}, every check gives a result of its own`, async ({
      databases: { source, target },
    }) => {
      const results = await withCheckContext({ source: source.uri, target: target.uri, provider }, (context) =>
        runChecks(context, () => undefined),
      );
      expect(new Set(results.map(({ id }) => id)).size).toBe(results.length);
      expect(results.filter(({ found }) => found.startsWith('could not be found out'))).toEqual([]);
    });
  }

  test('a check that throws is a failed one, and the others still run', async ({ databases: { source, target } }) => {
    const [some] = checksFor('selfhosted-postgres');
    if (some === undefined) throw new Error('no checks');
    const broken: Check = {
      ...some,
      id: 'broken',
      async run({ source: client }) {
        await client.query('SELECT 1/0');
        return { status: 'pass', found: '' };
      },
    };
    const checks = [broken, { ...broken, id: 'broken-too' }, some];
    const results = await withCheckContext({ source: source.uri, target: target.uri }, (context) =>
      runChecks(context, () => undefined, checks),
    );
    expect(results.map(({ status }) => status)).toEqual(['fail', 'fail', 'pass']);
    expect(results[0]?.found).toBe('could not be found out: division by zero');
    const failure = firstFailure(results);
    expect(failure).toMatchObject({ code: 'TM1201', object: 'broken', side: some.side });
    expect(failure?.message).toContain('1 more failed: broken-too');
  });

  test.for([
    'source',
    'target',
  ] as const)('the session on the %s is lost meanwhile: that is said once, as an interruption, and not what could not be asked any more', async (side, {
    databases: { source, target },
  }) => {
    const [some] = checksFor('selfhosted-postgres');
    if (some === undefined) throw new Error('no checks');
    const cut: Check = {
      ...some,
      async run(context) {
        await context[side].query('SELECT pg_terminate_backend(pg_backend_pid())');
        return { status: 'pass', found: '' };
      },
    };
    const seen: string[] = [];
    const checking = withCheckContext({ source: source.uri, target: target.uri }, (context) =>
      runChecks(context, ({ id }) => seen.push(id), [some, { ...cut, id: 'cut' }, some]),
    );
    await expect(checking).rejects.toMatchObject({
      code: 'TM1109',
      side,
      message: expect.stringContaining(`the ${side} went away while it was being checked`),
      hint: expect.stringContaining('again'),
    });
    expect(seen).toEqual([some.id]);
  });

  test('an abort ends them', async ({ databases: { source, target } }) => {
    const controller = new AbortController();
    const seen: string[] = [];
    const running = withCheckContext({ source: source.uri, target: target.uri }, (context) =>
      runChecks({ ...context, signal: controller.signal }, ({ id }) => {
        seen.push(id);
        controller.abort();
      }),
    );
    await expect(running).rejects.toMatchObject({ code: 'TM9002' });
    expect(seen).toHaveLength(1);
  });
});

describe('the kind of source', () => {
  test('is told by what is there', async () => {
    await using server = await startServer({ name: 'kinds' });
    const uri = server.uri('postgres');
    const detect = () =>
      withCheckContext({ source: uri, target: uri }, async (context) => ({
        ...(await detectProvider(context.source)),
        own: await Promise.all(
          checksFor('selfhosted-postgres')
            .filter(({ id }) => id === 'postgres-no-timescaledb')
            .map(async (one) => (await runCheck(one, context)).status),
        ),
      }));
    expect(await detect()).toMatchObject({ provider: 'selfhosted-postgres', own: ['pass'] });
    // The extension itself is in no package that this machine could install: its catalog row must do.
    await withClient(uri, (client) =>
      client.query(`INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
        VALUES (99999, 'timescaledb', 10, 11, false, '2.23.1')`),
    );
    expect(await detect()).toMatchObject({
      provider: 'selfhosted-timescaledb',
      evidence: expect.stringContaining('2.23.1'),
      own: ['warn'],
    });
    await withClient(uri, (client) =>
      client.query(`CREATE SCHEMA timescaledb_information;
        CREATE TABLE timescaledb_information.hypertables AS SELECT 'metrics' AS hypertable_name`),
    );
    expect((await detect()).own).toEqual(['fail']);
    await withClient(uri, (client) => client.query('CREATE ROLE rds_superuser'));
    // RDS gives nobody a superuser: somebody restored the roles of an RDS database here.
    expect(await detect()).toMatchObject({
      provider: 'selfhosted-timescaledb',
      evidence: expect.stringContaining('roles rds_superuser as on Amazon RDS, but postgres is a superuser'),
    });
  });
});
