import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { ProviderId } from '../../engine/options.ts';
import { MigrateError } from '../../errors/migrate-error.ts';
import { withClient } from '../../postgres/connect.ts';
import { errorCode } from '../../postgres/connection-errors.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check, CheckContext, CheckOutcome } from '../check.ts';
import { fail, info, pass, warn } from '../outcome.ts';

/** The output plugin that a migration from this kind of source uses by default. */
const PLUGIN: Readonly<Record<ProviderId, string>> = {
  'selfhosted-postgres': 'pgoutput',
  rds: 'pgoutput',
  'selfhosted-timescaledb': 'test_decoding',
  mst: 'test_decoding',
};

const PATIENCE_MS = 5_000;

/**
 * Creates a temporary slot, as the migration will create a lasting one, and drops it.
 * https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-CREATE-REPLICATION-SLOT
 */
export const replicationRight: Check = {
  id: 'source-replication-right',
  side: 'source',
  title: 'Right to replicate',
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
      if (error.code === 'TM1206') return fail('TM1206', error.message, { fix: grantOf(context) });
      return fail(error.code, `a replication connection is refused: ${error.message}`, { fix: error.hint });
    }
  },
};

function grantOf({ provider, sourceSettings }: CheckContext): string {
  const role = quoteIdent(sourceSettings.user);
  if (provider === 'rds') return `As the master user: GRANT rds_replication TO ${role};`;
  if (provider === 'mst') return 'Connect as the service user that the provider gave you (tsdbadmin or avnadmin).';
  return `As a superuser: ALTER ROLE ${role} REPLICATION;`;
}

async function createTemporarySlot(context: CheckContext, walsender: pg.Client): Promise<CheckOutcome> {
  const slot = `tiger_migrate_check_${randomBytes(6).toString('hex')}`;
  const plugin = PLUGIN[context.provider];
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
          fix: `The migration would start only when they end. Look for them: ${await oldestWriter(context.source)}`,
        });
      case '42501':
        return fail('TM1206', message, { fix: grantOf(context) });
      // wal_level, slots: each has a check of its own, which fails.
      case '55000':
      case '53400':
        return info(`a replication connection is allowed; no slot could be tried: ${message}`);
      case '58P01':
        return fail('TM1206', `the output plugin ${plugin} is not installed on the source: ${message}`, {
          fix: 'Install the contrib package of the server (postgresql-contrib).',
        });
      default:
        throw error;
    }
  } finally {
    clearTimeout(timer);
  }
}

async function oldestWriter(source: pg.Client): Promise<string> {
  const { rows } = await source.query<{ pid: string | null; prepared: string | null }>(
    `SELECT l.pid, p.gid AS prepared FROM pg_locks l LEFT JOIN pg_prepared_xacts p ON p.transaction = l.transactionid
     WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted ORDER BY age(l.transactionid) DESC LIMIT 3`,
  );
  const names = rows.map(({ pid, prepared }) =>
    prepared === null ? `process ${pid}` : `prepared transaction ${prepared}`,
  );
  return names.join(', ') || 'pg_stat_activity, pg_prepared_xacts';
}
