import { randomInt } from 'node:crypto';
import { firstRow } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { fail, info, pass } from '../outcome.ts';

interface Identity {
  system: string;
  database: string;
}

const IDENTITY = `SELECT (pg_control_system()).system_identifier::text AS system, oid::text AS database
  FROM pg_database WHERE datname = current_database()`;

/**
 * Physical copies share system identifier and OID with their original, so the proof is a lock: advisory locks are
 * those of one database. https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
 */
export const differentDatabases: Check = {
  id: 'different-databases',
  side: 'target',
  title: 'Source and target are two databases',
  severity: 'fail',
  wanted: 'two different databases',
  why: 'A database cannot be migrated onto itself.',
  fix: 'Give the connection string of another database as the target.',
  async run({ source, target, targetSettings }) {
    const [one, two] = [randomInt(2 ** 31), randomInt(2 ** 31)];
    await source.query('SELECT pg_advisory_lock($1::int, $2::int)', [one, two]);
    try {
      const { free } = await firstRow<{ free: string }>(
        target,
        'SELECT pg_try_advisory_xact_lock($1::int, $2::int) AS free',
        [one, two],
      );
      if (free !== 't') {
        return fail('TM1202', `both connection strings lead to the database ${targetSettings.database}`);
      }
    } finally {
      await source.query('SELECT pg_advisory_unlock($1::int, $2::int)', [one, two]);
    }
    const [ours, theirs] = [await identity(source), await identity(target)];
    if (ours === null || theirs === null) return pass('two databases');
    if (ours.system !== theirs.system) return pass('two databases on two servers');
    return ours.database === theirs.database
      ? info('two servers with one system identifier: one is a physical copy of the other')
      : pass('two databases of one server');
  },
};

/** Null where the server does not let this role ask. */
const identity = (client: Parameters<typeof firstRow>[0]): Promise<Identity | null> =>
  firstRow<Identity & Record<string, string>>(client, IDENTITY).catch(() => null);
