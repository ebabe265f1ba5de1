import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { type Random, seededRandom } from '../../../src/demo/random.ts';
import { day, FIRST } from './plant.ts';

/** Between two transactions: a migration beside it has to have its turn. */
const PAUSE_MS = 20;

const hour = (number: number) => `(${day(0)} + ${number} * interval '1 hour')`;
const FIRST_HOUR = FIRST.day * 24;
const odd = '"Odd ""x"."T ""1"';

/** One transaction of the application. */
type Write = (random: Random, serial: number) => string;
const WRITES: readonly [Write, ...Write[]] = [
  (random, serial) =>
    `INSERT INTO metrics SELECT ${hour(288)} + ${serial} * interval '20 minutes', d, d, ${random.between(1, 99)}, 'new ${serial}' FROM generate_series(1, 4) d ON CONFLICT DO NOTHING`,
  // Late, into compressed chunks as well.
  (random, serial) =>
    `INSERT INTO metrics VALUES (${hour(random.between(FIRST_HOUR, 287))} + ${serial} * interval '1 second', ${random.between(1, 30)}, 1, 1, 'late ${serial}') ON CONFLICT DO NOTHING`,
  (random) =>
    `UPDATE metrics SET n = n + 1, note = 'changed' WHERE dev = ${random.between(1, 5)} AND time >= ${hour(random.between(FIRST_HOUR, 200))} AND time < ${hour(210)}`,
  (random) =>
    `DELETE FROM metrics WHERE dev = ${random.between(1, 5)} AND time = ${hour(random.between(FIRST_HOUR, 287))}`,
  (random, serial) =>
    `INSERT INTO metrics VALUES (${hour(random.between(FIRST_HOUR, 287))}, ${random.between(1, 6)}, ${serial}, 2, 'upserted') ON CONFLICT (time, dev) DO UPDATE SET n = excluded.n, note = excluded.note`,
  (random, serial) =>
    `INSERT INTO ${odd} SELECT ${random.between(FIRST.number, 5500)} + i, 'n' || i % 5, ${serial} FROM generate_series(1, 10) i`,
  (random) =>
    `UPDATE ${odd} SET c = c + 1 WHERE "When, \\" BETWEEN ${random.between(FIRST.number, 4000)} AND 4010 AND "K:k" = 'k${random.between(0, 6)}'`,
  (random) => `DELETE FROM ${odd} WHERE "When, \\" = ${random.between(FIRST.number, 4500)}`,
  (random, serial) =>
    `INSERT INTO readings VALUES ('2026-11-06'::timestamp + ${serial} * interval '30 minutes', 'tag ${random.between(1, 9)}', ${serial}) ON CONFLICT DO NOTHING`,
  (random) => `UPDATE readings SET v = v + 0.5 WHERE tag = 'tag ${random.between(1, 3)}'`,
  (_, serial) => `INSERT INTO log VALUES ('2026-11-21'::date + ${Math.floor(serial / 5)}, 'new')`,
  (_, serial) =>
    `INSERT INTO kept VALUES (${day(20)} + ${serial} * interval '3 hours', ${serial}) ON CONFLICT DO NOTHING`,
  (random, serial) => `UPDATE devices SET name = 'device ${serial}' WHERE id = ${random.between(1, 30)}`,
];

/** Where somebody else works on the same chunk one tries again: deadlocks, chunks that were dropped or rewritten in between. */
const AGAIN = /deadlock detected|concurrent(ly)? |could not open relation|chunk not found/;
const inTheWay = (error: unknown): boolean => error instanceof Error && AGAIN.test(error.message);

/** Works by hand beside an application: again until nobody is in the way. */
export async function insist(work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (!inTheWay(error)) throw error;
    }
  }
}

/** An application that writes until it is stopped; the same seed gives the same transactions. */
export class Storm implements AsyncDisposable {
  readonly #client: pg.Client;
  readonly #random: Random;
  #stopping = false;
  #done: Promise<void>;
  /** Transactions committed. */
  committed = 0;
  /** Transactions given up, for somebody else was in the way. */
  givenUp = 0;

  constructor(client: pg.Client, seed: number) {
    this.#client = client;
    this.#random = seededRandom(seed);
    this.#done = this.#run();
    // Told when it is stopped.
    this.#done.catch(() => undefined);
  }

  async #run(): Promise<void> {
    for (let serial = 1; !this.#stopping; serial += 1) {
      await delay(PAUSE_MS);
      const count = this.#random.between(1, 3);
      const writes = Array.from({ length: count }, () => this.#random.oneOf(WRITES)(this.#random, serial));
      try {
        await this.#client.query(
          `BEGIN; ${writes.join('; ')}; ${this.#random.between(1, 9) === 1 ? 'ROLLBACK' : 'COMMIT'}`,
        );
        this.committed += 1;
      } catch (error) {
        await this.#client.query('ROLLBACK');
        if (!inTheWay(error)) throw error;
        this.givenUp += 1;
      }
    }
  }

  /** Lets the running transaction finish. Rejects with what the database refused. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => undefined);
  }
}
