import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { HypertableOption } from '../../../src/engine/timescale/hypertable-option.ts';

/** Plain tables of a source that can be hypertables, each with another identity and another kind of time. */
export const PLAIN_TABLES = `
CREATE TABLE devices (id int PRIMARY KEY, name text);
INSERT INTO devices SELECT i, 'device ' || i FROM generate_series(1, 20) i;
CREATE TABLE metrics (id bigint GENERATED ALWAYS AS IDENTITY, time timestamptz, dev int NOT NULL REFERENCES devices, v float8,
  note text, PRIMARY KEY (time, id));
ALTER TABLE metrics ALTER note SET STORAGE EXTERNAL;
CREATE INDEX metrics_dev ON metrics (dev, time DESC);
INSERT INTO metrics (time, dev, v, note) SELECT '2026-01-01'::timestamptz + i * interval '1 hour', 1 + i % 20, i, repeat('n', i % 3 * 1500)
  FROM generate_series(0, 2999) i;
CREATE TABLE "Odd ""log" ("At" timestamp, what text);
CREATE INDEX ON "Odd ""log" ("At");
ALTER TABLE "Odd ""log" REPLICA IDENTITY FULL;
INSERT INTO "Odd ""log" SELECT '1969-06-01'::timestamp + i * interval '5 hours', 'w' || i % 7 FROM generate_series(0, 999) i;
CREATE TABLE counts (n bigint NOT NULL, k text NOT NULL, c int, UNIQUE (n, k));
ALTER TABLE counts REPLICA IDENTITY USING INDEX counts_n_k_key;
INSERT INTO counts SELECT i, 'k' || i % 9, i FROM generate_series(-500, 4500) i;
CREATE TABLE visits (id bigint PRIMARY KEY, day date NOT NULL, note text);
CREATE INDEX visits_day ON visits (day);
CREATE INDEX visits_id ON visits (id);
INSERT INTO visits SELECT i, '2026-03-01'::date + i % 90, repeat('v', i % 2 * 3000) FROM generate_series(1, 2000) i;
`;

const option = (
  name: string,
  column: string,
  interval: string | null,
  hash: HypertableOption['hash'] = null,
  compress: HypertableOption['compress'] = null,
) => ({
  schema: 'public',
  name,
  column,
  interval,
  hash,
  compress,
});

export const BECOMING: readonly HypertableOption[] = [
  option('metrics', 'time', '7 days', null, { after: '30 days', segmentby: ['dev'] }),
  option('Odd "log', 'At', null),
  option('counts', 'n', '1000', { column: 'k', partitions: 3 }),
  option('visits', 'day', '14 days'),
];

/** One round of what an application does to them; `n` makes every round another. */
export const roundOf = (n: number): string => `
INSERT INTO metrics (time, dev, v, note) SELECT '2026-05-20'::timestamptz + (${n} + i) * interval '3 hours', 1 + i % 20, ${n}, repeat('x', 2500)
  FROM generate_series(1, 5) i;
UPDATE metrics SET v = v + 1 WHERE dev = ${1 + (n % 20)} AND time < '2026-01-20';
UPDATE metrics SET time = time + interval '20 days' WHERE id % 997 = ${n % 997};
DELETE FROM metrics WHERE id % 1499 = ${n % 1499};
INSERT INTO "Odd ""log" VALUES ('2026-01-01'::timestamp + ${n} * interval '1 day', 'late'), ('2026-01-01'::timestamp + ${n} * interval '1 day', 'late');
UPDATE "Odd ""log" SET "At" = "At" + interval '300 days', what = 'moved' WHERE ctid = (SELECT ctid FROM "Odd ""log" WHERE what = 'w3' LIMIT 1);
DELETE FROM "Odd ""log" WHERE ctid = (SELECT ctid FROM "Odd ""log" WHERE what = 'late' LIMIT 1);
UPDATE counts SET c = c + 1 WHERE n % 50 = ${n % 50};
UPDATE counts SET n = n + 10000 WHERE n = ${n % 4000};
UPDATE counts SET k = k || 'x' WHERE n = ${(n * 7) % 4000};
INSERT INTO visits SELECT 100000 + ${n} * 10 + i, '2026-07-01'::date + ${n} % 100, repeat('y', 2500) FROM generate_series(1, 3) i ON CONFLICT DO NOTHING;
UPDATE visits SET day = day + 40 WHERE id % 701 = ${n % 701};
UPDATE visits SET note = note || '!' WHERE id % 401 = ${n % 401};
DELETE FROM visits WHERE id % 1201 = ${n % 1201}`;

/** Writes rounds, each a transaction, until it is stopped or the source refuses: it is frozen then. */
export class RoundWriter {
  rounds = 0;
  error: unknown = null;
  readonly done: Promise<void>;
  readonly #pauseMs: number;
  #stopped = false;

  /** `pauseMs`: between two rounds. */
  constructor(uri: string, pauseMs = 0) {
    this.#pauseMs = pauseMs;
    this.done = this.#write(uri);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.done;
  }

  async #write(uri: string): Promise<void> {
    const client = new pg.Client({ connectionString: uri });
    client.on('error', () => undefined);
    try {
      await client.connect();
      while (!this.#stopped) {
        await client.query(`BEGIN; ${roundOf(this.rounds)}; COMMIT`);
        this.rounds += 1;
        await delay(this.#pauseMs);
      }
    } catch (error) {
      this.error = error;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
