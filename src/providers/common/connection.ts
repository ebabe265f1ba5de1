import { firstRow } from '../../postgres/query.ts';
import type { Check, CheckContext } from '../check.ts';
import { server } from '../facts/server.ts';
import { settings } from '../facts/settings.ts';
import { fail, info, pass, warn } from '../outcome.ts';
import { findPooler } from './pooler.ts';

type ServerSide = 'source' | 'target';
const settingsOf = (context: CheckContext, side: ServerSide) =>
  side === 'source' ? context.sourceSettings : context.targetSettings;

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
    const { backendPid: first } = await context.ask(side, server);
    const second = Number((await firstRow<{ pid: string }>(client, 'SELECT pg_backend_pid() AS pid')).pid);
    const told = 'processID' in client ? Number(client.processID) : null;
    const known = await context.ask(side, settings);
    const setting = (name: string) => known.get(name)?.raw;
    const pooler = findPooler(settingsOf(context, side), { told, first, second, setting });
    return pooler ? fail('TM1204', pooler.found, { fix: pooler.fix }) : pass(`server process ${first}, no pooler seen`);
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
