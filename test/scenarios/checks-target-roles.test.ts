import { describe, expect, test } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { check } from '../support/check-context.ts';
import { withClient } from '../support/test-servers.ts';

// Roles belong to all databases of a server, so these have servers of their own.
describe('roles', () => {
  test('of the source are created, kept or left behind', async () => {
    await using source = await startServer({ name: 'roles-source' });
    await using target = await startServer({ name: 'roles-target' });
    const onSource = (sql: string) => withClient(source.uri('postgres'), (client) => client.query(sql));
    const onTarget = (sql: string) => withClient(target.uri('postgres'), (client) => client.query(sql));
    await onTarget("CREATE ROLE tsdbadmin LOGIN CREATEROLE PASSWORD 'x'; CREATE ROLE guest LOGIN PASSWORD 'x'");
    const input = { source: source.uri('postgres'), target: target.uri('postgres', 'tsdbadmin', 'x') };
    const asGuest = { ...input, target: target.uri('postgres', 'guest', 'x') };
    expect(await check('target-create-roles', input)).toMatchObject({
      status: 'pass',
      found: 'no role has to be created',
    });
    // Nobody to create: no right is needed.
    expect(await check('target-create-roles', asGuest)).toMatchObject({ status: 'pass' });

    await onSource('CREATE ROLE team; CREATE ROLE app LOGIN CREATEDB IN ROLE team; CREATE ROLE reader');
    await onTarget('CREATE ROLE reader');
    expect(await check('target-create-roles', input)).toMatchObject({
      status: 'pass',
      found: '2 roles to create: app, team; there already, attributes not changed: reader',
    });
    const refused = await check('target-create-roles', asGuest);
    expect(refused).toMatchObject({
      status: 'warn',
      found: expect.stringContaining('; refused: CREATE ROLE: permission denied to create role; memberships (GRANT): '),
      fix: expect.stringMatching(/^As a superuser of the target: ALTER ROLE "guest" CREATEROLE CREATEDB;/),
    });
    expect(await check('target-create-roles', { ...asGuest, options: { skipRoles: true } })).toMatchObject({
      status: 'info',
    });
    // The administrator runs what the text says.
    await onTarget('ALTER ROLE "guest" CREATEROLE CREATEDB');
    expect(await check('target-create-roles', asGuest)).toMatchObject({ status: 'pass' });

    await onSource('CREATE ROLE chief SUPERUSER; CREATE ROLE copier REPLICATION; CREATE ROLE auditor BYPASSRLS');
    expect(await check('target-create-roles', input)).toMatchObject({
      status: 'warn',
      found:
        '5 roles to create: app, auditor, chief, copier, team; there already, attributes not changed: reader; come without SUPERUSER: chief; come without REPLICATION: copier; refused: BYPASSRLS: must be superuser to change bypassrls attribute',
    });
    // Trying has left nothing behind.
    const left = await withClient(target.uri('postgres'), (client) =>
      client.query("SELECT rolname FROM pg_roles WHERE rolname ~ '^tiger_migrate'"),
    );
    expect(left.rows).toEqual([]);
  });
});
