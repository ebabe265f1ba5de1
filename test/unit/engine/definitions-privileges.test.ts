import { expect, test } from 'vitest';
import { type Entries, type Entry, keyOf } from '../../../src/engine/definitions/entry.ts';
import { privilegesOfSource } from '../../../src/engine/definitions/privileges.ts';

const entriesOf = (...entries: Entry[]): Entries => new Map(entries.map((entry) => [keyOf(entry), entry]));
const defaultsOf = (owner: string, grantee: string): Entry => ({
  kind: 'default privileges',
  name: [`role ${owner}`, '', 'tables'],
  catalog: 'pg_default_acl',
  oid: 1,
  fields: { privileges: JSON.stringify([[`role ${grantee}`, 'SELECT', false]]) },
});

test('default privileges of several owners are all those of the role that owns everything on the target', () => {
  const roles = {
    owners: new Set(['one', 'other']),
    there: new Set(['us', 'reader', 'auditor']),
    ours: new Set(['us']),
    us: 'us',
  };
  const { entries } = privilegesOfSource(
    entriesOf(defaultsOf('one', 'reader'), defaultsOf('other', 'auditor')),
    roles,
    false,
  );
  expect([...entries.values()].map(({ name, fields }) => [name[0], fields.privileges])).toEqual([
    ['role us', '[["role auditor",["SELECT"]],["role reader",["SELECT"]]]'],
  ]);
});
