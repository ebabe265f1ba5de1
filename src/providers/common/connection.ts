import { firstRow } from '../../postgres/query.ts';
import { SESSION_SETTINGS } from '../../postgres/session-settings.ts';
import type { Check, CheckContext } from '../check.ts';
import { fail, info, listed, pass, warn } from '../outcome.ts';

type ServerSide = 'source' | 'target';
const settingsOf = (context: CheckContext, side: ServerSide) =>
  side === 'source' ? context.sourceSettings : context.targetSettings;

/**
 * A pooler gives its clients cancel keys of its own, so the process id told at connect time is not the one of the
 * server process; in transaction mode that even changes; and most drop our startup options.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export const directConnection = (side: ServerSide): Check => ({
  id: `${side}-direct`,
  side,
  title: 'Direct connection',
  wanted: 'no pooler (PgBouncer and the like) between here and the server',
  why: 'Poolers break replication, exported snapshots and session settings.',
  fix: 'Connect to the address of the server itself, often another port or host name than the pooler.',
  async run(context) {
    const client = context[side];
    const pid = () =>
      firstRow<{ pid: string }>(client, 'SELECT pg_backend_pid() AS pid').then(({ pid: value }) => Number(value));
    const first = await pid();
    const second = await pid();
    const told = 'processID' in client ? client.processID : null;
    if (first !== second) return fail('TM1204', `two statements ran in two server processes, ${first} and ${second}`);
    if (told !== first) {
      return fail(
        'TM1204',
        `the connection says server process ${String(told)}, the server says ${first}: a pooler is in between`,
      );
    }
    const { rows } = await client.query<{ name: string; setting: string }>(
      'SELECT name, setting FROM pg_settings WHERE name = ANY ($1)',
      [['IntervalStyle', 'TimeZone', 'extra_float_digits', 'bytea_output']],
    );
    const lost = rows.filter(({ name, setting }) => SESSION_SETTINGS[name] !== setting);
    if (lost.length > 0) {
      return fail('TM1204', `settings given at connect time were dropped: ${listed(lost.map(({ name }) => name))}`);
    }
    return pass(`server process ${first}, no pooler seen`);
  },
});

export const isPrimary = (side: ServerSide): Check => ({
  id: `${side}-primary`,
  side,
  title: 'Primary server',
  wanted: 'not a standby',
  why:
    side === 'source'
      ? 'Publications and the heartbeat are written on the source; a standby takes no writes.'
      : 'A standby takes no writes.',
  fix: 'Connect to the primary server.',
  async run(context) {
    const { standby } = await firstRow<{ standby: string }>(context[side], 'SELECT pg_is_in_recovery() AS standby');
    return standby === 't' ? fail('TM1209', 'the server is in recovery (a standby)') : pass('a primary');
  },
});

const NEARBY = /^(\/|localhost$|127\.|::1$|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd][0-9a-f]{2}:)/i;

export const encryption = (side: ServerSide): Check => ({
  id: `${side}-tls`,
  side,
  title: 'Encrypted connection',
  wanted: 'TLS, unless both ends are on one machine or private network',
  why: 'All rows of the database cross this connection.',
  fix: 'Add sslmode=require, or better verify-full with sslrootcert, to the connection string.',
  async run(context) {
    const settings = settingsOf(context, side);
    const { rows } = await context[side].query<{ ssl: string; version: string; cipher: string }>(
      'SELECT ssl, version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    );
    const tls = rows[0];
    if (tls?.ssl === 't') {
      const verified = settings.sslmode === 'verify-full' || settings.sslmode === 'verify-ca';
      return pass(`${tls.version}, ${tls.cipher}${verified ? ', server certificate verified' : ''}`);
    }
    return NEARBY.test(settings.hostaddr ?? settings.host)
      ? info('no TLS; the server is on this machine or a private network')
      : warn('no TLS: passwords are protected by SCRAM only, rows not at all');
  },
});
