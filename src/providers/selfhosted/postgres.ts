import type { Check } from '../check.ts';
import { newHypertables, targetForHypertables } from '../hypertables/check.ts';
import { fail, pass, warn } from '../outcome.ts';
import { platform } from '../platforms.ts';

/** A hypertable's rows stand in chunks of TimescaleDB's own schemas, which a plain PostgreSQL migration leaves out. */
const noTimescale: Check = {
  id: 'postgres-no-timescaledb',
  side: 'source',
  title: 'No TimescaleDB on the source',
  severity: 'fail',
  wanted: 'the extension timescaledb is not installed',
  why: 'Hypertables keep their rows in chunks, which need the steps of a TimescaleDB source.',
  fix: 'In the wizard press the arrow keys until the tab "Self-hosted TimescaleDB" is open; for a command use --provider selfhosted-timescaledb.',
  providers: ['selfhosted-postgres', 'rds'],
  async run({ source, ask }) {
    const { timescaledb: version } = await ask('source', platform);
    if (version === null) return pass('not installed');
    const { rows: view } = await source.query("SELECT FROM pg_namespace WHERE nspname = 'timescaledb_information'");
    if (view.length === 0) return warn(`timescaledb ${version}; whether it has hypertables is not known`);
    const { rows: hypertables } = await source.query('SELECT FROM timescaledb_information.hypertables LIMIT 1');
    return hypertables.length > 0
      ? fail('TM1215', `timescaledb ${version} with hypertables`)
      : warn(`timescaledb ${version}, no hypertables`, {
          fix: 'If nothing uses it, stay here and leave it out (--skip-extensions timescaledb), or drop it: DROP EXTENSION timescaledb;',
        });
  },
};

/** Checks of a self-hosted PostgreSQL source besides those of every source. */
export const POSTGRES_CHECKS: readonly Check[] = [noTimescale, newHypertables, targetForHypertables];
