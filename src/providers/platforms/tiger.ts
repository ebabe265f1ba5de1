import type { Platform } from './platform.ts';

const PORTAL = 'https://portal.managed.timescale.com';
const serviceOf = (host: string): string =>
  /\.(timescaledb\.io|aivencloud\.com)$/i.test(host) ? (host.split('.')[0] ?? 'SERVICE') : 'SERVICE';

/** The Managed Service for TimescaleDB, which Aiven runs: https://www.tigerdata.com/docs/deploy/mst */
export const mst: Platform = {
  id: 'mst',
  label: 'Managed Service for TimescaleDB',
  tab: 'mst',
  signs: { roles: ['_aiven', 'avnadmin'], extensions: ['aiven_extras'] },
  hosts: /\.(timescaledb\.io|aivencloud\.com)$/i,
  note: null,
  wrongAddress: null,
  extensions: ['aiven_extras'],
  schemas: [],
  change: ({ name, raw }, { host }) =>
    name === 'wal_level'
      ? [
          'A Managed Service for TimescaleDB runs with wal_level = logical; if this one does not, ask support to change it.',
        ]
      : [
          `Console: ${PORTAL} → the service ${serviceOf(host)} → Overview → Advanced configuration → Change: ${name} = ${raw}. If ${name} is not in the list, ask support.`,
          `Command (Aiven client): avn service update ${serviceOf(host)} -c pg.${name}=${raw}`,
        ],
  restart: ({ host }) => [
    `Console: ${PORTAL} → the service ${serviceOf(host)} → Advanced configuration: a change that needs a restart makes one by itself. Otherwise ask support.`,
  ],
  grantReplication: () => [
    'Connect as the service user that the provider gave you (tsdbadmin or avnadmin): it has the right.',
    `Its password: ${PORTAL} → the service → Overview → Connection information.`,
  ],
};

/** A Tiger Cloud service as the source, of another region or project: https://www.tigerdata.com/docs */
export const tigerCloud: Platform = {
  id: 'tiger-cloud',
  label: 'Tiger Cloud',
  tab: 'selfhosted-timescaledb',
  signs: { roles: ['tsdbadmin'], extensions: ['timescaledb_osm', 'timescaledb'] },
  allSigns: true,
  hosts: /\.tsdb\.cloud\.timescale\.com$/i,
  note: 'The source is a Tiger Cloud service itself. To move it to another region, size or project, a fork or a restore may be all you need: ask support first.',
  wrongAddress: ({ host }) =>
    /-pooler\./i.test(host) ? 'This is the connection pooler: use the host and port of the service itself.' : null,
  extensions: ['timescaledb_osm'],
  schemas: [],
  change: ({ name, raw, restart }) => [
    `Console: https://console.cloud.timescale.com → the service → Operations → Database parameters: ${name} = ${raw}, Apply changes${restart ? ' and restart' : ''}. If ${name} is not in the list, ask support.`,
  ],
  restart: () => [
    'Console: https://console.cloud.timescale.com → the service → Operations → Service management → Pause, then Resume.',
  ],
  grantReplication: () => [
    'Connect as tsdbadmin. If it is refused too, ask support to allow replication for the service.',
  ],
};
