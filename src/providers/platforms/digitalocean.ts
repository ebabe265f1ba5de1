import { type Platform, shellWord } from './platform.ts';

/** https://docs.digitalocean.com/products/databases/postgresql/ */
export const digitalOcean: Platform = {
  id: 'digitalocean',
  label: 'DigitalOcean Managed PostgreSQL',
  tab: 'by-extension',
  signs: { roles: ['doadmin'] },
  hosts: /\.db\.ondigitalocean\.com$/i,
  note: 'wal_level is logical there already, and doadmin may replicate. Connection pools listen on port 25061: use 25060. Keep other clusters, resizes and the maintenance window out of the time of the migration: the slot does not survive a new node.',
  wrongAddress: ({ port }) =>
    port === 25061 ? 'Port 25061 is a connection pool: use port 25060, the server itself.' : null,
  extensions: ['aiven_extras'],
  schemas: [],
  change: ({ name, raw }) => [
    `Console: Databases → the cluster → Settings → Advanced configurations: ${name} = ${raw}, if it is offered; otherwise by a support ticket.`,
    `Command: doctl databases configuration update CLUSTER_ID --engine pg --config-json ${shellWord(`{"${name}": ${/^-?\d+$/.test(raw) ? raw : `"${raw}"`}}`)}`,
  ],
  restart: () => [
    'The console has no restart: a change that needs one restarts the node by itself. Or ask support to.',
  ],
  grantReplication: () => ['Connect as doadmin, which has the right.'],
};
