import type { Check } from '../check.ts';
import { server } from '../facts/server.ts';
import { settings } from '../facts/settings.ts';
import { fail, info, pass, warn } from '../outcome.ts';
import { parameterFix, restartFix } from '../parameter-fix.ts';
import { endpointOf, wrongEndpoint } from './endpoint.ts';

const isOn = (value: string): boolean => value === '1' || value === 'on';

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.FeatureSupport.LogicalReplication.html */
const logicalReplication: Check = {
  id: 'rds-logical-replication',
  side: 'source',
  title: 'rds.logical_replication',
  severity: 'fail',
  wanted: 'rds.logical_replication = 1',
  why: 'It is the switch by which RDS and Aurora set wal_level to logical; wal_level itself cannot be changed there.',
  fix: 'Set rds.logical_replication = 1 in the parameter group and reboot.',
  providers: ['rds'],
  async run(run) {
    const known = await run.ask('source', settings);
    const value = known.shown('rds.logical_replication');
    const level = known.shown('wal_level');
    if (value === null) return info('this server has no such setting: it is not an RDS or Aurora server');
    const found = `rds.logical_replication = ${value}, wal_level = ${level}`;
    if (isOn(value)) {
      if (level === 'logical') return pass(found);
      return {
        ...fail('TM1205', `${found}: set, but the instance has not been rebooted since`, {
          fix: await restartFix(run),
        }),
        restart: 'source',
      };
    }
    if (level === 'logical') {
      return fail(
        'TM1205',
        found,
        await parameterFix(run, { name: 'rds.logical_replication', value: '1', restart: true }),
      );
    }
    return {
      ...fail('TM1205', found, {
        fix: 'The steps are those of the check "WAL level" (source-wal-level): the one change and its reboot put both right.',
      }),
      restart: 'source',
    };
  },
};

/** https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-WAL-SENDER-TIMEOUT */
const walSenderTimeout: Check = {
  id: 'rds-wal-sender-timeout',
  side: 'source',
  title: 'WAL sender timeout',
  severity: 'warn',
  wanted: 'wal_sender_timeout = 0',
  why: 'RDS drops the stream when one big transaction keeps it busy for longer than that. It is taken up again, but from the beginning of that transaction.',
  fix: 'Set wal_sender_timeout = 0 in the parameter group; no reboot is needed.',
  providers: ['rds'],
  async run(run) {
    const known = await run.ask('source', settings);
    const found = `wal_sender_timeout = ${known.shown('wal_sender_timeout')}`;
    if (known.number('wal_sender_timeout') === 0) return pass(found);
    return warn(found, await parameterFix(run, { name: 'wal_sender_timeout', value: '0', restart: false }));
  },
};

/** https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Overview.Endpoints.html */
const endpoint: Check = {
  id: 'rds-endpoint',
  side: 'source',
  title: 'Endpoint of the database',
  severity: 'fail',
  wanted: 'the endpoint of the instance, of an Aurora cluster the writer endpoint',
  why: 'An RDS Proxy carries no replication and a reader takes no writes. After a fail-over the writer endpoint still leads to the writer, that of an instance may lead to a reader.',
  fix: 'RDS → Databases → the database → Connectivity & security → Endpoints.',
  providers: ['rds'],
  run({ sourceSettings }) {
    const { host } = sourceSettings;
    const seen = endpointOf(host);
    if (seen === null) {
      return Promise.resolve(
        info(`${host} is not a name of RDS: in the instructions put your own INSTANCE, CLUSTER and REGION`),
      );
    }
    const found = `${seen.kind} endpoint${seen.identifier === null ? '' : ` of ${seen.identifier}`}, ${seen.region}`;
    const wrong = wrongEndpoint({ host });
    if (wrong === null) return Promise.resolve(pass(found));
    return Promise.resolve(seen.kind === 'proxy' ? fail('TM1204', found, { fix: wrong }) : warn(found, { fix: wrong }));
  },
};

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html */
const forceSsl: Check = {
  id: 'rds-force-ssl',
  side: 'source',
  title: 'rds.force_ssl',
  severity: 'warn',
  wanted: 'TLS on this connection, whether the server insists on it or not',
  why: 'With rds.force_ssl = 1 (the default from 15 on) the server refuses connections without TLS, with 0 it lets all rows go in the clear.',
  fix: 'Add sslmode=require to the connection string of the source; verify-full with sslrootcert=global-bundle.pem from https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem also checks whom you talk to.',
  providers: ['rds'],
  async run({ ask }) {
    const value = (await ask('source', settings)).shown('rds.force_ssl');
    const { tls } = await ask('source', server);
    const ours = tls === null ? 'this connection has no TLS' : `this connection has ${tls.version}`;
    const found = value === null ? ours : `rds.force_ssl = ${value}, ${ours}`;
    if (tls !== null) return pass(found);
    if (value === null) return info(found);
    // The server is being changed to insist: the next connection would be refused.
    return isOn(value) ? warn(`${found}: new connections will be refused`) : info(found);
  },
};

/** Checks of an RDS or Aurora source besides those of every source. */
export const RDS_CHECKS: readonly Check[] = [endpoint, logicalReplication, walSenderTimeout, forceSsl];
