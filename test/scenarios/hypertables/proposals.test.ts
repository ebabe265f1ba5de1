import { expect } from 'vitest';
import { restoreIdentities } from '../../../src/engine/clean/restore-identities.ts';
import { type MigrationOptions, migrationOptionsSchema } from '../../../src/engine/options.ts';
import { withClient } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { readHypertableRows } from '../../../src/providers/hypertables/rows.ts';
import type { TestDatabase } from '../../support/databases.ts';
import { identitiesOf, indexesOf, test } from '../../support/identity.ts';

const look = (source: TestDatabase, target: TestDatabase, options: MigrationOptions) =>
  withClient(parseConnectionString(source.uri, {}), { side: 'source', application: 'look' }, (onSource) =>
    withClient(parseConnectionString(target.uri, {}), { side: 'target', application: 'look' }, (onTarget) =>
      readHypertableRows(onSource, onTarget, options),
    ),
  );

test('tables with a time that leads an index are shown with what hinders each; those that were chosen are among them', async ({
  databases: { source, target },
}) => {
  await source.query(`
    CREATE TABLE ready (at timestamptz NOT NULL, v int); CREATE INDEX ON ready (at DESC);
    INSERT INTO ready SELECT '2026-01-01'::timestamptz + i * interval '1 minute', i FROM generate_series(1, 5000) i;
    CREATE TABLE keyed (id int PRIMARY KEY, "On day" date NOT NULL); CREATE INDEX ON keyed ("On day", id);
    CREATE TABLE referring (at timestamptz, id int, PRIMARY KEY (at, id), FOREIGN KEY (id) REFERENCES keyed);
    CREATE TABLE late (id int, at timestamptz); CREATE INDEX ON late (id, at);
    CREATE TABLE partly (at timestamptz); CREATE INDEX ON partly (at) WHERE at > '2026-01-01';
    CREATE TABLE numbers (n bigint PRIMARY KEY, v int);
    CREATE TABLE parted (at timestamptz) PARTITION BY RANGE (at); CREATE INDEX ON parted (at);
    ANALYZE`);
  const none = migrationOptionsSchema.parse({});
  const rows = await look(source, target, none);
  expect(
    rows.map(({ relation, chosen, recommended, obstacles }) => [relation, chosen, recommended, obstacles.length]),
  ).toEqual([
    ['public.ready', false, false, 0],
    ['public.keyed', false, false, 2],
    ['public.referring', false, false, 0],
  ]);
  expect(rows[0]).toMatchObject({ why: 'small', columns: ['at'], rows: 5000, option: { column: 'at', hash: null } });
  expect(rows[1]?.obstacles.map(({ problem }) => problem)).toEqual([
    expect.stringMatching(/^referring_id_fkey of (public\.)?referring refers to it/),
    expect.stringMatching(/^the primary key keyed_pkey \(id\) does not have "On day"/),
  ]);

  const hypertables = [{ schema: 'public', name: 'numbers', column: 'n', interval: '1000' }];
  const chosen = migrationOptionsSchema.parse({ hypertables });
  const again = await look(source, target, chosen);
  expect(again.map(({ relation }) => relation)).toEqual([
    'public.numbers',
    'public.ready',
    'public.keyed',
    'public.referring',
  ]);
  expect(again[0]).toMatchObject({ chosen: true, why: 'named by you', obstacles: [] });
});

test('an identity that no hypertable can have is mended as that of a table without one, is seen to be, and taken back', async ({
  databases: { source, target },
  identity,
}) => {
  await source.query(`
    CREATE TABLE keyed (id int PRIMARY KEY, at timestamptz NOT NULL, device int NOT NULL); CREATE INDEX ON keyed (at);
    CREATE TABLE doubled (id int PRIMARY KEY, at timestamptz NOT NULL, UNIQUE (at, id));
    CREATE TABLE maybe (id int PRIMARY KEY, at timestamptz); CREATE INDEX ON maybe (at);
    CREATE TABLE fine (id int, at timestamptz, PRIMARY KEY (at, id));
    INSERT INTO keyed SELECT i, '2026-01-01', 1 FROM generate_series(1, 100) i`);
  const hypertables = [{ schema: 'public', name: 'keyed', column: 'at', hash: { column: 'device', partitions: 2 } }];
  const options = migrationOptionsSchema.parse({ hypertables, skipHypertableIncompatibleObjects: true });
  const rows = new Map((await look(source, target, options)).map((row) => [row.relation, row]));
  const kinds = (name: string) => rows.get(`public.${name}`)?.remedy?.choices.map(({ kind }) => kind);
  expect(kinds('keyed')).toEqual(['create-index', 'full']);
  expect(kinds('doubled')).toEqual(['index', 'full']);
  // Nobody but the operator can make its column NOT NULL.
  expect(kinds('maybe')).toEqual(['full']);
  expect(rows.get('public.maybe')?.remedy?.choices[0]?.cost).toMatch(/^A unique index on \(id, at\) is offered once/);
  expect(rows.get('public.fine')?.remedy).toBeNull();

  const [before, indexes] = [await identitiesOf(source), await indexesOf(source)];
  for (const name of ['keyed', 'doubled']) {
    const choice = rows.get(`public.${name}`)?.remedy?.choices[0];
    if (!choice) throw new Error('no choice');
    await identity.apply(choice);
  }
  expect(await identitiesOf(source)).toMatchObject({
    'public.keyed': 'i keyed_id_at_device_identity',
    'public.doubled': 'i doubled_at_id_key',
  });
  const after = (await look(source, target, options)).find(({ relation }) => relation === 'public.keyed');
  expect(after).toMatchObject({ remedy: null, obstacles: [{ blocks: false, identifies: false }] });
  expect(after?.obstacles[0]?.remedy).toMatch(/\(id, at, device\) is, by an index that the source has/);

  await withClient(parseConnectionString(source.uri, {}), { side: 'source', application: 'clean' }, (client) =>
    restoreIdentities(client, identity.directory),
  );
  expect(await identitiesOf(source)).toEqual(before);
  expect(await indexesOf(source)).toEqual(indexes);
});
