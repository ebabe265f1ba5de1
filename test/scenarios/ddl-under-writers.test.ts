import type pg from 'pg';
import { expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabase, test } from '../support/databases.ts';
import { until } from '../support/wait.ts';
import { inReplay, obey, openChanges, untilTold } from './ddl.ts';

const WRITERS = 3;

/** Sessions of an application that writes all the time, into the tables that it knows at the moment. */
class Writers {
  /** The table `renamed` as it is called now. */
  renamed = 'renamed';
  /** The column and the table are there. */
  column = false;
  fresh = false;
  /** Transactions. */
  done = 0;
  #stopped = false;
  readonly #working: Promise<void>[];

  constructor(clients: readonly pg.Client[]) {
    this.#working = clients.map((client, at) => this.#work(client, (at + 1) * 1_000_000));
  }

  static async start(source: TestDatabase): Promise<Writers> {
    return new Writers(await Promise.all(Array.from({ length: WRITERS }, () => source.connect())));
  }

  async #work(client: pg.Client, first: number): Promise<void> {
    for (let id = first; !this.#stopped; id += 1) {
      const { renamed } = this;
      await client.query(`BEGIN; INSERT INTO grows (id, v) VALUES (${id}, 'new'); UPDATE grows SET v = v || 'x' WHERE id = ${id - 3};
        DELETE FROM grows WHERE id = ${id - 10}; ${this.column ? `UPDATE grows SET c = ${id} WHERE id IN (${id}, ${id - 2});` : ''}
        ${this.fresh ? `INSERT INTO fresh VALUES (${id}, 'new'); UPDATE fresh SET v = 'x' WHERE id = ${id - 1};` : ''} COMMIT`);
      const change = `INSERT INTO ${renamed} VALUES (${id}, 'new'); UPDATE ${renamed} SET v = 'x' WHERE id = ${id - 1}`;
      await client.query(change).catch((error: pg.DatabaseError) => {
        // It was called otherwise a moment ago.
        if (error.code !== '42P01') throw error;
      });
      // An application has to wait for its users, too.
      await client.query('SELECT pg_sleep(0.01)');
      this.done += 1;
    }
  }

  /** Waits until each has written some more. */
  async goOn(): Promise<void> {
    const before = this.done;
    await until(() => this.done >= before + 10 * WRITERS, { timeoutMs: 30_000, what: 'the application to write' });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#working);
  }
}

test('DDL under continuous writers (ADD COLUMN, CREATE TABLE, RENAME TABLE): nothing is lost', async ({
  databases,
}) => {
  const { source, target } = databases;
  await source.query(`CREATE TABLE grows (id int PRIMARY KEY, v text); CREATE TABLE renamed (id int PRIMARY KEY, v text);
    INSERT INTO grows SELECT g, 'old' FROM generate_series(1, 1000) g; INSERT INTO renamed TABLE grows`);
  const writers = await Writers.start(source);
  try {
    await using migration = await inReplay(databases);
    await writers.goOn();

    await source.query('ALTER TABLE grows ADD c int DEFAULT 7');
    writers.column = true;
    await writers.goOn();
    await untilTold(migration, 'column-added', 'public.grows');
    await obey(migration, target);

    await source.query('CREATE TABLE fresh (id int PRIMARY KEY, v text)');
    writers.fresh = true;
    await writers.goOn();
    await untilTold(migration, 'table-created', 'public.fresh');
    await obey(migration, target);

    await source.query('ALTER TABLE renamed RENAME TO "other name"');
    writers.renamed = '"other name"';
    await writers.goOn();
    await untilTold(migration, 'table-renamed', 'public.renamed');
    await obey(migration, target);

    await writers.goOn();
    await writers.stop();
    expect(openChanges(migration)).toEqual([]);
    await migration.cutOver(false);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
    const written = `SELECT count(*) > 50 AS many, bool_or(v = 'x') AS changed FROM`;
    for (const table of ['fresh', '"other name"'])
      expect(await target.query(`${written} ${table}`)).toEqual([{ many: true, changed: true }]);
    expect(await target.query('SELECT FROM grows WHERE c > 7 LIMIT 1')).toHaveLength(1);
  } finally {
    await writers.stop();
  }
});
