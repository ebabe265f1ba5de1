import { pluginOf } from '../../engine/options.ts';
import { lossyColumns, quotesNumbers } from '../../engine/source/wal2json.ts';
import { MigrateError } from '../../errors/migrate-error.ts';
import { withClient } from '../../postgres/connect.ts';
import { errorCode } from '../../postgres/connection-errors.ts';
import type { Check, CheckOutcome, CheckRun } from '../check.ts';
import { relationsFact } from '../facts/relations.ts';
import { fail, info, listed, pass, warn } from '../outcome.ts';
import { migratedWithRows } from '../relations.ts';

const PATIENCE_MS = 5_000;

/** What the choice costs: docs/decisions/0007-wal2json.md has the figures. */
const COSTS = {
  pgoutput: 'pgoutput sends rows in binary form where it can: the least to send and to read',
  test_decoding: 'test_decoding sends rows as text: about twice the bytes of pgoutput',
  wal2json:
    'wal2json sends rows as JSON: four to five times the bytes of pgoutput, more work for the source, and the spool needs as much more room',
} as const;

/** Which form of numbers the source's wal2json knows: found out by asking it. https://github.com/eulerto/wal2json */
export const wal2jsonNumbers: Check = {
  id: 'source-wal2json',
  side: 'source',
  title: 'Values by the output plugin',
  severity: 'fail',
  wanted: 'with --plugin wal2json: version 2.6 or newer; an older one where no column is float4, float8 or numeric',
  why: 'Before 2.6 it writes NaN and infinity of such columns as null: rows would arrive changed.',
  fix: 'Install wal2json 2.6 or newer on the source (from apt.postgresql.org, postgresql-NN-wal2json), or use --plugin pgoutput or test_decoding.',
  async run(run) {
    const { name } = pluginOf(run.options, run.provider);
    if (name !== 'wal2json') return pass(COSTS[name]);
    try {
      return await withClient(
        run.sourceSettings,
        {
          side: 'source',
          application: 'check',
          signal: run.signal,
          sessionSettings: { statement_timeout: `${PATIENCE_MS}` },
        },
        async (session) => ((await quotesNumbers(session)) ? pass(COSTS.wal2json) : older(run)),
      );
    } catch (error) {
      if (error instanceof MigrateError) return fail(error.code, error.message, { fix: error.hint });
      switch (errorCode(error)) {
        case '57014':
          return warn(`asking wal2json waits for open transactions; given up after ${PATIENCE_MS / 1000} s`, {
            fix: 'Check again when they have ended. The migration itself asks again before it makes anything.',
          });
        case '58P01':
          return fail('TM4009', `wal2json is not installed on the source: ${String(error)}`);
        case '42501':
        case '55000':
        case '53400':
          return info(`wal2json could not be asked: ${error instanceof Error ? error.message : ''}`, {
            fix: 'Put right what the checks on the WAL level, slots, output plugin and the right to replicate name, then check again.',
          });
        default:
          throw error;
      }
    }
  },
};

/** Nothing is lost where no column is of such a type. */
async function older({ source, ask, options }: CheckRun): Promise<CheckOutcome> {
  const tables = migratedWithRows(await ask('source', relationsFact), options).filter(({ kind }) => kind === 'r');
  const columns = await lossyColumns(
    source,
    tables.map(({ oid }) => oid),
  );
  if (columns.length === 0) return pass(`${COSTS.wal2json}; before 2.6, and no column is float4, float8 or numeric`);
  return fail('TM4008', `wal2json before 2.6 would lose NaN and infinity of ${listed(columns, 20)}`);
}
