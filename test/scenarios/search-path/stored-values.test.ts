import { expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { Migration } from '../whole/migration.ts';

test('a stored generated column whose function was replaced is told after the copy and by verify', async ({
  databases,
}) => {
  const { source, target } = databases;
  await source.query(`CREATE FUNCTION nrm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
    CREATE TABLE stale (id int PRIMARY KEY, v text, g text GENERATED ALWAYS AS (nrm(v)) STORED, same int GENERATED ALWAYS AS (id + 1) STORED);
    CREATE TABLE fresh (id int PRIMARY KEY, v text, g text GENERATED ALWAYS AS (nrm(v)) STORED);
    INSERT INTO stale VALUES (1, 'a'), (2, 'b'); CREATE OR REPLACE FUNCTION nrm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
    INSERT INTO fresh VALUES (1, 'A')`);
  await using migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    options: { skipRoles: true },
  });
  await migration.reached('replay');
  const told = migration.warnings.filter((text) => text.startsWith('TM3003'));
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('public.stale: the generated column g has other values than on the source');
  const differing = (await migration.verify()).tables.filter(({ equal }) => !equal);
  expect(differing).toMatchObject([{ relation: 'public.stale', onlyGenerated: ['g', 'same'] }]);
  await source.query('UPDATE stale SET v = v');
  await migration.cutOver();
  expect((await migration.verify()).equal).toBe(true);
});
