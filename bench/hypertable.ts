import { randomBytes } from 'node:crypto';
import { median, migrate, say, sql } from './measure.ts';

/** A chunk costs something by itself: with fewer rows in each that is all that is measured. */
const ROWS_OF_CHUNK = 20_000;

const TABLE = (rows: number, hypertable: boolean) => `
CREATE TABLE reading (time timestamptz NOT NULL, device int NOT NULL, a float8, b float8);
${hypertable ? `SELECT create_hypertable('reading', by_range('time', interval '1 hour'), create_default_indexes => false);` : ''}
CREATE INDEX reading_time ON reading (time DESC);
CREATE UNIQUE INDEX reading_device ON reading (device, time);
ALTER TABLE reading REPLICA IDENTITY USING INDEX reading_device;
INSERT INTO reading SELECT '2026-01-01'::timestamptz + (i / 100) * interval '1 hour' / ${ROWS_OF_CHUNK / 100}, i % 100, random() * 100, random()
  FROM generate_series(0, ${rows - 1}) i;
VACUUM ANALYZE reading;`;

/** The copy of a hypertable (10 million rows: 500 chunks) against a plain table of the same rows, alternately, by a superuser of a server with TimescaleDB. */
export async function measureHypertable(server: string, rows: number, rounds: number): Promise<void> {
  const prefix = `bench_${randomBytes(4).toString('hex')}`;
  const uri = (name: string) => Object.assign(new URL(server), { pathname: `/${name}` }).href;
  const maintain = (text: string) => sql(server, text);
  const names = { plain: `${prefix}_plain`, hypertable: `${prefix}_hypertable`, target: `${prefix}_target` };
  const create = async (name: string) => {
    await maintain(`DROP DATABASE IF EXISTS ${name} WITH (FORCE);\nCREATE DATABASE ${name}`);
    await sql(uri(name), 'CREATE EXTENSION IF NOT EXISTS timescaledb');
  };
  const took = { plain: [] as number[], hypertable: [] as number[] };
  try {
    for (const kind of ['plain', 'hypertable'] as const) {
      await create(names[kind]);
      await sql(uri(names[kind]), TABLE(rows, kind === 'hypertable'));
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of ['plain', 'hypertable'] as const) {
        await create(names.target);
        const { wholeMs } = await migrate(uri(names[kind]), uri(names.target), { skipRoles: true }, null);
        took[kind].push(wholeMs);
      }
    }
  } finally {
    for (const name of Object.values(names)) await maintain(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }
  const [plain, hypertable] = [median(took.plain), median(took.hypertable)];
  say(
    `hypertable of ${rows / ROWS_OF_CHUNK} chunks: ${hypertable.toFixed(0)} ms, plain table: ${plain.toFixed(0)} ms, ratio ${(hypertable / plain).toFixed(2)} (medians of ${rounds})`,
  );
}
