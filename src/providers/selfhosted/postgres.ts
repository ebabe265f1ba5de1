import type { Check } from '../check.ts';
import { fail, pass, warn } from '../outcome.ts';

/** A hypertable's rows stand in chunks of TimescaleDB's own schemas, which a plain PostgreSQL migration leaves out. */
const noTimescale: Check = {
  id: 'postgres-no-timescaledb',
  side: 'source',
  title: 'No TimescaleDB on the source',
  wanted: 'the extension timescaledb is not installed',
  why: 'Hypertables keep their rows in chunks, which need the steps of a TimescaleDB source.',
  fix: 'Use --provider selfhosted-timescaledb (or the TimescaleDB tab).',
  providers: ['selfhosted-postgres', 'rds'],
  async run({ source }) {
    const { rows } = await source.query<{ version: string; schema: string | null }>(
      `SELECT extversion AS version, (SELECT nspname FROM pg_namespace WHERE nspname = 'timescaledb_information') AS schema
       FROM pg_extension WHERE extname = 'timescaledb'`,
    );
    const installed = rows[0];
    if (!installed) return pass('not installed');
    if (installed.schema === null)
      return warn(`timescaledb ${installed.version}; whether it has hypertables is not known`);
    const { rows: hypertables } = await source.query('SELECT FROM timescaledb_information.hypertables LIMIT 1');
    return hypertables.length > 0
      ? fail('TM1215', `timescaledb ${installed.version} with hypertables`)
      : warn(`timescaledb ${installed.version}, no hypertables`);
  },
};

/** Checks of a self-hosted PostgreSQL source besides those of every source. */
export const POSTGRES_CHECKS: readonly Check[] = [noTimescale];
