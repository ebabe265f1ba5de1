import { expect } from 'vitest';
import { type MigrationOptions, migrationOptionsSchema } from '../../../src/engine/options.ts';
import { withClient } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { readHypertableRows } from '../../../src/providers/hypertables/rows.ts';
import { test } from '../../support/databases.ts';

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
  const look = (options: MigrationOptions) =>
    withClient(parseConnectionString(source.uri, {}), { side: 'source', application: 'look' }, (onSource) =>
      withClient(parseConnectionString(target.uri, {}), { side: 'target', application: 'look' }, (onTarget) =>
        readHypertableRows(onSource, onTarget, options),
      ),
    );
  const none = migrationOptionsSchema.parse({});
  const rows = await look(none);
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
  const again = await look(chosen);
  expect(again.map(({ relation }) => relation)).toEqual([
    'public.numbers',
    'public.ready',
    'public.keyed',
    'public.referring',
  ]);
  expect(again[0]).toMatchObject({ chosen: true, why: 'named by you', obstacles: [] });
});
