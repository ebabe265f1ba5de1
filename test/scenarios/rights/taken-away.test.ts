import { expect } from 'vitest';
import { type TestDatabase, test } from '../../support/databases.ts';
import { uriOf } from '../../support/test-servers.ts';
import { until } from '../../support/wait.ts';
import { Migration } from '../whole/migration.ts';

/** The statements that the engine asks for while it waits. */
const statementsOf = (hint: string): string[] =>
  (hint.match(/\b(?:GRANT|ALTER) [^;]+;/g) ?? []).filter((sql) => !sql.includes('rds_replication'));

interface Loss {
  readonly migration: Migration;
  readonly database: TestDatabase;
  /** What the engine tries again. */
  readonly what: string;
  readonly code: string;
  readonly take: () => Promise<unknown>;
  readonly statements: readonly string[];
}

/** Takes a right away: the engine waits, names the statement, and goes on by itself once somebody has run it. */
async function takeAway({ migration, database, what, code, take, statements }: Loss): Promise<void> {
  const told = () => migration.of('retry').filter((event) => event.what === what && event.error.code === code);
  await take();
  await migration.until(() => told().length > 0, `the engine to say what it lacks for ${what}`);
  const trouble = told().at(-1);
  expect(trouble).toMatchObject({ policy: 'operator', error: { code } });
  expect(statementsOf(trouble?.error.hint ?? '')).toEqual(statements);
  for (const sql of statements) await database.admin(sql);
  await migration.until(() => migration.of('healed').some((event) => event.what === what), `${what} to go on`);
}

test('rights that are taken away in the middle: named, waited for, and nothing is lost', async ({ databases }) => {
  const { source, target } = databases;
  const migrator = databases.role('migrator');
  await source.query(
    `CREATE TABLE public.orders (id int PRIMARY KEY, v text); INSERT INTO public.orders SELECT g, 'x' FROM generate_series(1, 500) g`,
  );
  await source.admin(`CREATE ROLE ${migrator} LOGIN REPLICATION PASSWORD 'x'; GRANT USAGE ON SCHEMA public TO ${migrator};
    GRANT SELECT ON public.orders TO ${migrator}`);
  const other = databases.role('other');
  await target.admin(`CREATE ROLE ${other}`);
  await using migration = await Migration.start({
    source: uriOf(source.server, source.name, migrator, 'x'),
    target: target.uri,
    targetDatabase: target.name,
    options: { plugin: 'test_decoding', skipRoles: true },
    waitForGo: true,
  });
  const dumped = `SELECT FROM tiger_migrate.object WHERE kind = 'phase' AND name = 'dump'`;
  await migration.until(
    async () => migration.of('snapshot').length > 0 && (await target.query(dumped)).length > 0,
    'snapshot and schema dump',
  );

  await takeAway({
    ...{ migration, database: source, what: 'copying public.orders', code: 'TM1212' },
    take: async () => {
      await source.query(`REVOKE SELECT ON public.orders FROM ${migrator}`);
      await migration.go();
    },
    statements: [`GRANT SELECT ON public.orders TO "${migrator}";`],
  });
  await migration.reached('replay');

  await takeAway({
    ...{ migration, database: source, what: 'watching the source', code: 'TM1212' },
    take: () => source.admin('REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text) FROM PUBLIC'),
    statements: [`GRANT EXECUTE ON FUNCTION pg_catalog.pg_logical_emit_message(boolean,text,text) TO "${migrator}";`],
  });

  await takeAway({
    ...{ migration, database: target, what: 'applying changes to the target', code: 'TM1212' },
    take: async () => {
      await target.admin(`ALTER TABLE public.orders OWNER TO ${other}`);
      await source.query(`UPDATE public.orders SET v = 'y' WHERE id < 100; DELETE FROM public.orders WHERE id = 400`);
    },
    statements: [`ALTER TABLE public.orders OWNER TO "${target.owner}";`],
  });

  await takeAway({
    ...{ migration, database: source, what: 'receiving changes from the source', code: 'TM1206' },
    take: async () => {
      await source.admin(`ALTER ROLE ${migrator} NOREPLICATION`);
      await source.admin(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database()`,
      );
      await source.query(`INSERT INTO public.orders VALUES (1000, 'while nobody receives')`);
    },
    statements: [`ALTER ROLE "${migrator}" REPLICATION;`],
  });

  await migration.cutOver(false);
  await until(() => migration.of('done').length === 1, { what: 'the end' });
  expect(await migration.verify()).toMatchObject({ equal: true });
});
