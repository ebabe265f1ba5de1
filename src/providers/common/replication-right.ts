import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { pluginOf } from '../../engine/options.ts';
import { MigrateError } from '../../errors/migrate-error.ts';
import { withClient } from '../../postgres/connect.ts';
import { errorCode } from '../../postgres/connection-errors.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check, CheckOutcome, CheckRun } from '../check.ts';
import { activity } from '../facts/activity.ts';
import { fail, info, pass, warn } from '../outcome.ts';
import { replicationGrant } from '../parameter-fix.ts';

const PATIENCE_MS = 5_000;

/**
 * Creates a temporary slot, as the migration will create a lasting one, and drops it.
 * https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-CREATE-REPLICATION-SLOT
 */
export const replicationRight: Check = {
  id: 'source-replication-right',
  side: 'source',
  title: 'Right to replicate',
  severity: 'fail',
  wanted: 'the role may open a replication connection and create a logical slot',
  why: 'The changes that are made during the copy come through a replication slot.',
  fix: 'ALTER ROLE … REPLICATION;',
  async run(context) {
    try {
      return await withClient(
        context.sourceSettings,
        { side: 'source', application: 'check', replication: 'database', signal: context.signal },
        (walsender) => createTemporarySlot(context, walsender),
      );
    } catch (error) {
      if (!(error instanceof MigrateError)) throw error;
      if (error.code === 'TM1206') return fail('TM1206', error.message, { fix: await replicationGrant(context) });
      return fail(error.code, `a replication connection is refused: ${error.message}`, { fix: error.hint });
    }
  },
};

/** wal_level, slots, the plugin, a standby: each has a check of its own, which fails. */
const notTried = (message: string): CheckOutcome =>
  info(`a replication connection is allowed; no slot could be tried: ${message}`, {
    fix: 'Put right what the checks on the WAL level, slots, output plugin and primary server name, then check again.',
  });

async function createTemporarySlot(context: CheckRun, walsender: pg.Client): Promise<CheckOutcome> {
  const slot = `tiger_migrate_check_${randomBytes(6).toString('hex')}`;
  const plugin = pluginOf(context.options, context.provider).name;
  const pid = 'processID' in walsender ? Number(walsender.processID) : 0;
  // The server looks for a point at which no older transaction runs. It would wait for hours behind an open one.
  let waitedInVain = false;
  const timer = setTimeout(() => {
    waitedInVain = true;
    context.source.query('SELECT pg_cancel_backend($1::int)', [pid]).catch(() => undefined);
  }, PATIENCE_MS);
  try {
    await walsender.query(
      `CREATE_REPLICATION_SLOT ${quoteIdent(slot)} TEMPORARY LOGICAL ${quoteIdent(plugin)} NOEXPORT_SNAPSHOT`,
    );
    await walsender.query(`DROP_REPLICATION_SLOT ${quoteIdent(slot)}`);
    return pass(`a temporary ${plugin} slot was created and dropped`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    switch (errorCode(error)) {
      case '57014':
        if (!waitedInVain) throw error;
        return warn(`creating a slot waits for open transactions; given up after ${PATIENCE_MS / 1000} s`, {
          fix: `The migration would start only when they end. Look for them: ${await oldestWriters(context)}`,
        });
      case '42501':
        if (/output plugin/.test(message)) return notTried(message);
        return fail('TM1206', message, { fix: await replicationGrant(context) });
      case '55000':
      case '53400':
      case '0A000':
        return notTried(message);
      case '58P01':
        return fail('TM1206', `the output plugin ${plugin} is not installed on the source: ${message}`, {
          fix:
            plugin === 'wal2json'
              ? 'Install it on the machine of the source: apt-get install postgresql-NN-wal2json, with the major release of the server.'
              : 'Install the contrib package of the server (postgresql-contrib).',
        });
      default:
        throw error;
    }
  } finally {
    clearTimeout(timer);
  }
}

async function oldestWriters(run: CheckRun): Promise<string> {
  const { writers, prepared } = await run.ask('source', activity);
  const names = [
    ...prepared.map(({ gid }) => `prepared transaction ${gid}`),
    ...writers.map(({ pid }) => `process ${pid}`),
  ];
  return names.slice(0, 3).join(', ') || 'pg_stat_activity, pg_prepared_xacts';
}
