import { describe, expect } from 'vitest';
import { check } from '../support/check-context.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { Migration } from './whole/migration.ts';

/** A foreign server, what hangs on it, and a table that has nothing to do with it: a role that the target lacks. */
async function build(databases: TestDatabases): Promise<string> {
  const { source } = databases;
  const stranger = databases.role('stranger');
  await source.admin(`CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;
    COMMENT ON SERVER far IS 'far away'; CREATE ROLE ${stranger};
    CREATE USER MAPPING FOR PUBLIC SERVER far; CREATE USER MAPPING FOR ${stranger} SERVER far;
    CREATE FOREIGN TABLE there (id int) SERVER far; COMMENT ON FOREIGN TABLE there IS 'not here';
    GRANT USAGE ON FOREIGN SERVER far TO PUBLIC; ALTER FOREIGN TABLE there OWNER TO ${source.owner}`);
  await source.query('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
  return stranger;
}

const leftOut = (migration: Migration) =>
  migration.warnings.flatMap((text) => /^Left out: ([^:]+):/.exec(text)?.[1] ?? []);
describe('a foreign server that the target’s role may not create', () => {
  test('is found before, with the GRANT that helps', async ({ databases }) => {
    const { source, target } = databases;
    await build(databases);
    const look = () =>
      check('target-superuser-objects', { source: source.uri, target: target.uri, options: { skipRoles: true } });
    // Nor may it create the extension that it needs.
    expect(await look()).toMatchObject({ status: 'fail', found: expect.stringContaining('foreign server far') });
    await target.admin('CREATE EXTENSION postgres_fdw');
    const found = await look();
    expect(found).toMatchObject({ status: 'fail', code: 'TM1217' });
    const grant = /GRANT USAGE ON FOREIGN DATA WRAPPER [^;]+;/.exec(found.fix)?.[0] ?? '';
    await target.admin(grant);
    expect(await look()).toMatchObject({ status: 'pass' });
  });

  test('is left out and told, with what hangs on it, when the right is taken away behind the check', async ({
    databases,
  }) => {
    const { target } = databases;
    const stranger = await build(databases);
    await target.admin('CREATE EXTENSION postgres_fdw');
    const wrapper = 'USAGE ON FOREIGN DATA WRAPPER postgres_fdw';
    await target.admin(`GRANT ${wrapper} TO ${target.owner}`);
    // The checks have seen the right.
    await using migration = await Migration.startToSnapshot(databases);
    await target.admin(`REVOKE ${wrapper} FROM ${target.owner}`);
    await migration.go();
    await migration.cutOver(false);
    expect(leftOut(migration)).toEqual([
      'SERVER -.far',
      'COMMENT -.SERVER far',
      'USER MAPPING -.USER MAPPING public SERVER far',
      `USER MAPPING -.USER MAPPING ${stranger} SERVER far`,
      'FOREIGN TABLE public.there',
      'COMMENT public.FOREIGN TABLE there',
      'ACL -.FOREIGN SERVER far',
    ]);
    expect(await target.query('SELECT id FROM t')).toEqual([{ id: 1 }]);
  });

  test('may have a mapping for a role that is not there: left out and told', async ({ databases }) => {
    const { source, target } = databases;
    const stranger = await build(databases);
    await target.admin(
      `CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${target.owner}`,
    );
    await using migration = await Migration.start({
      source: source.uri,
      target: target.uri,
      targetDatabase: target.name,
      options: { skipRoles: true },
    });
    await migration.cutOver(false);
    expect(leftOut(migration)).toEqual([`USER MAPPING -.USER MAPPING ${stranger} SERVER far`]);
    expect(await target.query(`SELECT usename FROM pg_user_mappings`)).toEqual([{ usename: 'public' }]);
  });
});
