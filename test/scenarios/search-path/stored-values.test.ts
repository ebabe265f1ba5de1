import { expect } from 'vitest';
import { compareStoredValues } from '../../../src/engine/copy/stored-values.ts';
import type { EventPayload } from '../../../src/engine/events.ts';
import { readTables } from '../../../src/engine/source/catalog.ts';
import { connect, destroy } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
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
  await using migration = await Migration.startToReplay({ source, target });
  const told = migration.warnings.filter((text) => text.startsWith('TM3003'));
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('public.stale: the generated column g has other values than on the source');
  const differing = (await migration.verify()).tables.filter(({ equal }) => !equal);
  expect(differing).toMatchObject([{ relation: 'public.stale', onlyGenerated: ['g', 'same'] }]);
  await source.query('UPDATE stale SET v = v');
  await migration.cutOver();
  expect((await migration.verify()).equal).toBe(true);
});

test('a table that is gone by the time its generated columns are compared is left out of the comparison', async ({
  databases: { source, target },
}) => {
  await source.query(`CREATE FUNCTION nrm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
    CREATE TABLE stale (id int PRIMARY KEY, v text, g text GENERATED ALWAYS AS (nrm(v)) STORED)`);
  const open = (uri: string, side: 'source' | 'target') =>
    connect(parseConnectionString(uri, {}), { side, application: 'values' });
  const clients = [await open(source.uri, 'source'), await open(target.uri, 'target')] as const;
  try {
    const [there, here] = clients;
    await there.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const tables = await readTables(there);
    await source.query('ALTER TABLE stale RENAME TO other');
    const events: EventPayload[] = [];
    const emit = (event: EventPayload) => void events.push(event);
    await compareStoredValues({ source: there, target: here, emit }, tables);
    expect(events).toMatchObject([{ type: 'log', text: expect.stringContaining('was not compared') }]);
    await there.query('SELECT 1');
  } finally {
    for (const client of clients) destroy(client);
  }
});
