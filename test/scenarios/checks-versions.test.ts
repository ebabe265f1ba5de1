import { describe, expect } from 'vitest';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import type { CheckResult } from '../../src/providers/check.ts';
import { runChecks, tablesWithoutIdentity } from '../../src/providers/index.ts';
import { applyFix } from '../support/apply-fix.ts';
import { type CheckInput, check, withCheckContext } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { isInstalled, nativeOf, OTHER_MAJORS, type OtherMajor } from '../support/other-versions.ts';
import { withClient } from '../support/test-servers.ts';
import { until } from '../support/wait.ts';

/** A server of another major release with a role of few rights that owns a database of two tables. */
async function serverOf(major: OtherMajor): Promise<DemoServer> {
  const server = await startServer({ name: `major-${major}`, native: nativeOf(major) });
  await withClient(server.uri('postgres'), async (client) => {
    await client.query("CREATE ROLE app LOGIN REPLICATION PASSWORD 'app'");
    await client.query('CREATE DATABASE app OWNER app');
  });
  await withClient(server.uri('app'), (client) =>
    client.query('ALTER SCHEMA public OWNER TO app; CREATE EXTENSION citext SCHEMA public'),
  );
  await withClient(server.uri('app', 'app', 'app'), (client) =>
    client.query('CREATE TABLE keyed (id int PRIMARY KEY, v public.citext); CREATE TABLE keyless (v text)'),
  );
  return server;
}

const all = (input: CheckInput): Promise<CheckResult[]> =>
  withCheckContext(input, (context) => runChecks(context, () => undefined));
const codes = (results: readonly CheckResult[]) => results.flatMap(({ code }) => code ?? []);
const unanswered = (results: readonly CheckResult[]) =>
  results.filter(({ found }) => found.startsWith('could not be found out')).map(({ id, found }) => `${id}: ${found}`);

describe('servers of other major releases', () => {
  for (const major of OTHER_MAJORS) {
    test.skipIf(!isInstalled(major))(`PostgreSQL ${major}: every check has its answer`, async ({ databases }) => {
      await using server = await serverOf(major);
      const [superuser, app] = [server.uri('app'), server.uri('app', 'app', 'app')];
      const [asSource, asTimescale, asSuperuser, asTarget] = await Promise.all([
        all({ source: app, target: databases.target.uri }),
        all({ source: app, target: databases.target.uri, provider: 'mst' }),
        all({ source: superuser, target: databases.target.uri }),
        all({ source: databases.source.uri, target: app }),
      ]);
      expect([asSource, asTimescale, asSuperuser, asTarget].flatMap(unanswered)).toEqual([]);
      // The other side is 15; older sources than 14 lack logical messages.
      if (major < 14 || major > 15) expect(codes(asSource)).toContain('TM1210');
      else expect(codes(asSource)).toEqual([]);
      if (major < 15) expect(codes(asTarget)).toContain('TM1210');
      else expect(codes(asTarget)).toEqual(['TM1203']);
    });
  }

  test.skipIf(!isInstalled(18))(
    'PostgreSQL 18: a column whose NOT NULL is not valid yet identifies no row',
    async () => {
      await using server = await serverOf(18);
      const uri = server.uri('app');
      await withClient(uri, (client) =>
        client.query(`CREATE TABLE late (id int); INSERT INTO late VALUES (NULL); CREATE UNIQUE INDEX ON late (id);
        ALTER TABLE late ADD CONSTRAINT known NOT NULL id NOT VALID`),
      );
      const late = () =>
        withCheckContext({ source: uri, target: uri }, async ({ source, options }) =>
          (await tablesWithoutIdentity(source, options)).find(({ name }) => name === 'late'),
        );
      expect((await late())?.choices.map(({ kind }) => kind)).toEqual(['full', 'insert-only', 'leave-out']);
      await withClient(uri, (client) => client.query('DELETE FROM late; ALTER TABLE late VALIDATE CONSTRAINT known'));
      expect((await late())?.choices[0]?.kind).toBe('index');
    },
  );

  test.skipIf(!isInstalled(18))('PostgreSQL 18: a slot is not lost by being idle', async ({ databases }) => {
    await using server = await serverOf(18);
    const uris = { source: server.uri('app'), target: databases.target.uri };
    const idle = () => check('source-idle-slot-timeout', uris);
    expect(await idle()).toMatchObject({ status: 'pass' });
    await withClient(uris.source, (client) => client.query("ALTER SYSTEM SET idle_replication_slot_timeout = '2h'"));
    await withClient(uris.source, (client) => client.query('SELECT pg_reload_conf()'));
    await until(async () => (await idle()).status === 'warn', { what: 'the setting to be in force' });
    await applyFix(await idle(), uris);
    await until(async () => (await idle()).status === 'pass', { what: 'the fix to be in force' });
  });
});
