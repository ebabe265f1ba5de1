import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { LiveReplay } from './harness.ts';

const TABLES = `CREATE TABLE parent (id int PRIMARY KEY, v text); CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent)`;
const ROWS = `INSERT INTO parent SELECT g, 'a' FROM generate_series(1, 50) g; INSERT INTO child SELECT id, id FROM parent`;

/** Copies a table again, as after a crash in its copy: at a later position than the others. */
async function copyAgain(live: LiveReplay, table: string): Promise<void> {
  const { rows } = await live.source.query<{ lsn: string; id: number; p: number }>(
    `SELECT pg_current_wal_insert_lsn() AS lsn, t.* FROM (VALUES (1)) one LEFT JOIN ${table} t ON true`,
  );
  await live.target.query(`DELETE FROM ${table}`);
  for (const row of rows) await live.target.query(`INSERT INTO ${table} VALUES ($1, $2)`, [row.id, row.p]);
  await live.target.query('UPDATE tiger_migrate.relation SET copy_lsn = $2 WHERE name = $1', [table, rows[0]?.lsn]);
}

describe('tables that were copied at different positions', () => {
  test('changes that are in the copy are not applied again', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLES, rows: ROWS });
    await live.stop();
    await live.transaction(
      `INSERT INTO child VALUES (1000, 1); UPDATE child SET p = 2; DELETE FROM child WHERE id = 7; UPDATE parent SET v = 'b'`,
    );
    await copyAgain(live, 'child');
    await live.transaction(
      `INSERT INTO child VALUES (1001, 1); UPDATE child SET p = 3; DELETE FROM child WHERE id = 8; UPDATE parent SET v = 'c'`,
    );
    await live.resume();
    await live.expectEqual();
  });

  test('TRUNCATE does not cascade to a table whose copy is newer', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLES, rows: ROWS });
    await live.stop();
    await live.transaction(
      `TRUNCATE parent CASCADE; INSERT INTO parent VALUES (1, 'x'); INSERT INTO child VALUES (1, 1), (2, 1)`,
    );
    await copyAgain(live, 'child');
    await live.transaction(`UPDATE child SET p = NULL WHERE id = 2`);
    await live.resume();
    await live.expectEqual();
  });

  test('a commit right at the position of the copy is applied, one before it is not', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLES, rows: ROWS });
    // The slot's consistent point is where the copy ends: what commits from there on is all that is applied.
    await live.transaction(`INSERT INTO child VALUES (1000, 1)`);
    await live.transaction(`INSERT INTO child VALUES (1001, 1)`);
    await live.expectEqual();
    expect(await live.changesApplied()).toBe(2);
  });
});
