import { describe, expect } from 'vitest';
import { WholeValues } from '../../src/engine/copy/require-whole-values.ts';
import { readTables } from '../../src/engine/source/catalog.ts';
import { connect, destroy } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { giveSearchPath } from '../../src/postgres/search-path.ts';
import { test } from '../support/databases.ts';
import { NORMALIZERS } from './search-path/migrate.ts';

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
