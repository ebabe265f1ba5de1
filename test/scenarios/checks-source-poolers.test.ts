import { describe, expect } from 'vitest';
import { check } from '../support/check-context.ts';
import { type TestDatabase, test } from '../support/databases.ts';
import { findPgBouncer, type PgBouncerOptions, startPgBouncer } from '../support/pgbouncer.ts';
import { uriOf } from '../support/test-servers.ts';

const through = (database: TestDatabase, options: Pick<PgBouncerOptions, 'poolMode' | 'ignores'>) =>
  startPgBouncer({
    ...options,
    server: database.server,
    user: database.owner,
    password: database.server.ownerPassword,
  });

const ours = ['options', 'extra_float_digits'];

describe.skipIf(findPgBouncer() === null)('a real PgBouncer (skipped where no pgbouncer is installed)', () => {
  for (const poolMode of ['session', 'transaction'] as const) {
    test(`in ${poolMode} mode is seen on both sides`, async ({ databases: { source, target } }) => {
      await using pool = await through(source, { poolMode, ignores: ours });
      await using targetPool = await through(target, { poolMode, ignores: ours });
      const pooled = uriOf(pool, source.name, source.owner, source.server.ownerPassword);
      const result = await check('source-direct', { source: pooled, target: target.uri });
      expect(result).toMatchObject({ status: 'fail', code: 'TM1204', side: 'source' });
      expect(result.fix).toContain(`behind 127.0.0.1:${pool.port}, often 127.0.0.1:5432`);
      const targetPooled = uriOf(targetPool, target.name, target.owner, target.server.ownerPassword);
      expect(await check('target-direct', { source: source.uri, target: targetPooled })).toMatchObject({
        status: 'fail',
        code: 'TM1204',
        side: 'target',
      });
      expect(await check('source-direct', { source: source.uri, target: target.uri })).toMatchObject({
        status: 'pass',
      });
    });
  }

  test('that refuses our startup parameters is named as what it is', async ({ databases: { source, target } }) => {
    await using pool = await through(source, { poolMode: 'session', ignores: [] });
    const pooled = uriOf(pool, source.name, source.owner, source.server.ownerPassword);
    await expect(check('source-direct', { source: pooled, target: target.uri })).rejects.toMatchObject({
      code: 'TM1204',
      side: 'source',
    });
  });
});

describe('a pooler that is known by its address', () => {
  const cases: [what: string, host: string, fix: RegExp][] = [
    ['RDS Proxy', 'shop.proxy-abc123.eu-west-1.rds.amazonaws.com', /endpoint of the instance/],
    ['Supabase', 'aws-0-eu-central-1.pooler.supabase.com', /db\.\S+\.supabase\.co, port 5432/],
    ['Neon', 'ep-cool-1-pooler.eu-central-1.aws.neon.tech', /ep-cool-1\.eu-central-1\.aws\.neon\.tech/],
  ];
  for (const [what, host, fix] of cases) {
    test(`is refused: ${what}`, async ({ databases: { source, target } }) => {
      // The name is only looked at; the connection goes to the test's own server.
      const { server, name, owner } = source;
      const named = `host=${host} hostaddr=${server.host} port=${server.port} user=${owner} dbname=${name} password=${server.ownerPassword} sslmode=disable`;
      const result = await check('source-direct', { source: named, target: target.uri });
      expect(result).toMatchObject({ status: 'fail', code: 'TM1204' });
      expect(result.fix).toMatch(fix);
    });
  }

  test('is not taken for one where the address is the server’s own', async ({ databases: { source, target } }) => {
    const { server, name, owner } = source;
    const named = `host=shop.abc123.eu-west-1.rds.amazonaws.com hostaddr=${server.host} port=${server.port} user=${owner} dbname=${name} password=${server.ownerPassword} sslmode=disable`;
    expect(await check('source-direct', { source: named, target: target.uri })).toMatchObject({ status: 'pass' });
  });
});
