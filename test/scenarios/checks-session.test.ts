import { describe, expect } from 'vitest';
import { check } from '../support/check-context.ts';
import { test } from '../support/databases.ts';

describe.each(['source', 'target'] as const)('%s-session', (side) => {
  test('passes as a rule, and fails where damaged pages are hidden', async ({ databases }) => {
    const { name, owner } = databases[side];
    const run = () => check(`${side}-session`, { source: databases.source.uri, target: databases.target.uri });
    expect(await run()).toMatchObject({ status: 'pass' });
    await databases[side].admin(`ALTER ROLE ${owner} IN DATABASE ${name} SET zero_damaged_pages = on`);
    expect(await run()).toMatchObject({
      status: 'fail',
      code: 'TM1221',
      found: 'on in our sessions: zero_damaged_pages',
    });
  });

  test('a superuser turns that off for itself', async ({ databases: { source, target } }) => {
    await { source, target }[side].admin(`ALTER DATABASE ${{ source, target }[side].name} SET zero_damaged_pages = on`);
    const uris = { source: source.superuserUri, target: target.superuserUri };
    expect(await check(`${side}-session`, uris)).toMatchObject({ status: 'pass' });
  });

  test('says that another role is not followed', async ({ databases }) => {
    const { name, owner } = databases[side];
    const group = databases.role('group');
    await databases[side].admin(
      `CREATE ROLE ${group}; GRANT ${group} TO ${owner}; ALTER ROLE ${owner} IN DATABASE ${name} SET role = ${group}`,
    );
    const result = await check(`${side}-session`, { source: databases.source.uri, target: databases.target.uri });
    expect(result).toMatchObject({ status: 'info', found: expect.stringContaining(group) });
  });
});
