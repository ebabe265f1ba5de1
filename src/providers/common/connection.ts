import type { ConnectionSettings } from '../../postgres/connection-string.ts';
import { firstRow } from '../../postgres/query.ts';
import { SESSION_SETTINGS } from '../../postgres/session-settings.ts';
import type { Check, CheckContext } from '../check.ts';
import { server } from '../facts/server.ts';
import { settings } from '../facts/settings.ts';
import { fail, info, listed, pass, warn } from '../outcome.ts';
import { placeOf, platformOfHost } from '../platforms.ts';

type ServerSide = 'source' | 'target';
const settingsOf = (context: CheckContext, side: ServerSide) =>
  side === 'source' ? context.sourceSettings : context.targetSettings;

/** Settings of ours that hardly anybody else has: a server that has them got them from us. */
const TELLING = ['IntervalStyle', 'TimeZone', 'extra_float_digits', 'bytea_output'];

const SERVER_PORT = 5432;

/** Where to look for the server behind a pooler of which only the address is known. */
function directAddress({ host, port }: Pick<ConnectionSettings, 'host' | 'port'>): string {
  const often = port === SERVER_PORT ? '' : `, often ${host}:${SERVER_PORT}`;
  return `Use the address of the server behind ${host}:${port}${often}: PgBouncer names it in the section [databases] of pgbouncer.ini (host=, port=), the console of a provider as the direct or service connection.`;
}

/**
 * A pooler gives its clients cancel keys of its own, so the process id told at connect time is not the one of the
 * server process; in transaction mode that even changes; and most drop our startup options.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export const directConnection = (side: ServerSide): Check => ({
  id: `${side}-direct`,
  side,
  title: 'Direct connection',
  severity: 'fail',
  wanted: 'no pooler (PgBouncer, pgcat, RDS Proxy and the like) between here and the server',
  why: 'Poolers hand out server sessions in turn: replication, exported snapshots and session settings do not go through them.',
  fix: 'Connect to the address of the server itself, often another port or host name than the pooler.',
  async run(context) {
    const client = context[side];
    const address = settingsOf(context, side);
    const where = `${address.host}:${address.port}`;
    const wrong = platformOfHost(address.host)?.wrongAddress?.(placeOf(address)) ?? null;
    if (wrong !== null) return fail('TM1204', `${where} is not the address of the server itself`, { fix: wrong });
    const remedy = { fix: directAddress(address) };
    const { backendPid: first } = await context.ask(side, server);
    const second = Number((await firstRow<{ pid: string }>(client, 'SELECT pg_backend_pid() AS pid')).pid);
    const told = 'processID' in client ? client.processID : null;
    if (first !== second) {
      return fail('TM1204', `two statements ran in two server processes, ${first} and ${second}`, remedy);
    }
    if (told !== first) {
      return fail(
        'TM1204',
        `the connection says server process ${String(told)}, the server says ${first}: a pooler is in between`,
        remedy,
      );
    }
    const known = await context.ask(side, settings);
    const lost = TELLING.filter((name) => SESSION_SETTINGS[name] !== known.get(name)?.raw);
    if (lost.length > 0) {
      return fail('TM1204', `settings given at connect time were dropped: ${listed(lost)}`, remedy);
    }
    return pass(`server process ${first}, no pooler seen`);
  },
});

export const isPrimary = (side: ServerSide): Check => ({
  id: `${side}-primary`,
  side,
  title: 'Primary server',
  severity: 'fail',
  wanted: 'not a standby',
  why:
    side === 'source'
      ? 'Publications and the heartbeat are written on the source; a standby takes no writes.'
      : 'A standby takes no writes.',
  fix: 'Connect to the primary server.',
  async run({ ask }) {
    const { inRecovery } = await ask(side, server);
    return inRecovery ? fail('TM1209', 'the server is in recovery (a standby)') : pass('a primary');
  },
});

const NEARBY = /^(\/|localhost$|127\.|::1$|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd][0-9a-f]{2}:)/i;

export const encryption = (side: ServerSide): Check => ({
  id: `${side}-tls`,
  side,
  title: 'Encrypted connection',
  severity: 'warn',
  wanted: 'TLS, unless both ends are on one machine or private network',
  why: 'All rows of the database cross this connection.',
  fix: 'Add sslmode=require, or better verify-full with sslrootcert, to the connection string.',
  async run(context) {
    const address = settingsOf(context, side);
    const { tls } = await context.ask(side, server);
    if (tls) {
      const verified = address.sslmode === 'verify-full' || address.sslmode === 'verify-ca';
      return pass(`${tls.version}, ${tls.cipher}${verified ? ', server certificate verified' : ''}`);
    }
    return NEARBY.test(address.hostaddr ?? address.host)
      ? info('no TLS; the server is on this machine or a private network')
      : warn('no TLS: passwords are protected by SCRAM only, rows not at all');
  },
});
