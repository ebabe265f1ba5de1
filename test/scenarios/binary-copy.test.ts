import { expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { Migration } from './whole/migration.ts';

test('an empty tsquery, whose binary form no server takes back: copied and replayed as text', async ({ databases }) => {
  const { source, target } = databases;
  await source.query(`
    CREATE TABLE searches (id integer PRIMARY KEY, q tsquery, many tsquery[]);
    INSERT INTO searches VALUES (1, '', '{""}'), (2, 'a & b', NULL)`);
  const migration = await Migration.start({ source: source.uri, target: target.uri, targetDatabase: target.name });
  await using _ = migration;
  await migration.reached('replay');
  await source.query(`INSERT INTO searches VALUES (3, '', '{"","a"}'); UPDATE searches SET q = '' WHERE id = 2`);
  await migration.cutOver(false);
  expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
});
