import { describe, expect } from 'vitest';
import { WholeValues } from '../../src/engine/copy/require-whole-values.ts';
import { readTables } from '../../src/engine/source/catalog.ts';
import { connect, destroy } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { giveSearchPath } from '../../src/postgres/search-path.ts';
import { test } from '../support/databases.ts';
import { NORMALIZERS } from './search-path/migrate.ts';
import { Migration } from './whole/migration.ts';

describe('the look at values that the target would cut', () => {
  test.override({ databaseOptions: { sourceEncoding: 'LATIN1' } });

  test('finds functions of indexes by search_path, and leaves no lock on the table', async ({
    databases: { source },
  }) => {
    await source.query(`${NORMALIZERS} CREATE TABLE named (id int PRIMARY KEY, n name, ns name[], c "char");
      CREATE INDEX named_n ON named (inlined_norm(n::text)); INSERT INTO named VALUES (1, 'short', '{short}', 'c')`);
    const client = await connect(parseConnectionString(source.uri, {}), { side: 'source', application: 'values' });
    giveSearchPath(client, () => ['public']);
    try {
      const tables = await readTables(client);
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      for (const table of tables) await new WholeValues().require(client, table);
      expect(
        await source.query(`SELECT mode FROM pg_locks WHERE relation = 'named'::regclass AND pid <> pg_backend_pid()`),
      ).toEqual([]);
      await client.query('COMMIT');
      await source.query(`UPDATE named SET ns = ARRAY[repeat(chr(233), 40)::name]`);
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const [named] = tables;
      if (!named) throw new Error('no table');
      await expect(new WholeValues().require(client, named)).rejects.toMatchObject({ code: 'TM3001' });
      await client.query('ROLLBACK');
      // As for the copy itself: a table that is gone is looked for in a newer snapshot.
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT FROM pg_class');
      const values = new WholeValues();
      await source.query('ALTER TABLE named RENAME TO renamed');
      await expect(values.require(client, named)).rejects.toMatchObject({ side: 'source', cause: { code: '42P01' } });
    } finally {
      destroy(client);
    }
  });
});

describe('a longer value that comes in replay', () => {
  test.override({ databaseOptions: { sourceEncoding: 'LATIN1' } });

  test.for([
    ['name', `repeat(chr(233), 40)::name`],
    ['name[]', `ARRAY['short', NULL, repeat(chr(233), 40)]::name[]`],
    ['longest', `repeat(chr(233), 40)::longest`],
  ] as const)('of type %s damages its table: the target refuses it, or would cut it', async ([type, value], {
    databases,
  }) => {
    const { source, target } = databases;
    databases.allow('slot');
    await source.query(`CREATE DOMAIN longest AS name; CREATE TABLE named (id int PRIMARY KEY, v ${type});
      CREATE TABLE other (id int PRIMARY KEY, v ${type}); INSERT INTO named VALUES (1)`);
    await using migration = await Migration.startToReplay({ source, target });
    await source.query(`INSERT INTO named VALUES (2, ${value})`);
    await source.query(`INSERT INTO other VALUES (2, NULL)`);
    const damaged = () => migration.of('table').filter(({ state }) => state === 'damaged');
    await migration.until(() => damaged().length > 0, 'the damage');
    expect(damaged()).toMatchObject([
      {
        relation: 'public.named',
        damage: { code: 'TM5002', reason: expect.stringMatching(/longer in UTF8|too long/) },
      },
    ]);
    expect(await target.query('SELECT id FROM named')).toEqual([{ id: 1 }]);
  });
});
