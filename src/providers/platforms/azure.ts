import { quoteIdent } from '../../postgres/identifiers.ts';
import { firstLabel, type Place, type Platform, shellWord } from './platform.ts';

const HOSTS = /\.postgres\.database\.(azure\.com|chinacloudapi\.cn|usgovcloudapi\.net)$/i;
const nameOf = (place: Place): string => (HOSTS.test(place.host) ? shellWord(firstLabel(place)) : 'SERVER');

const restart = (place: Place): string[] => [
  `Portal: Azure Database for PostgreSQL → ${nameOf(place)} → Overview → Restart.`,
  `Command: az postgres flexible-server restart --resource-group GROUP --name ${nameOf(place)}`,
];

/** https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-logical */
export const azure: Platform = {
  id: 'azure',
  label: 'Azure Database for PostgreSQL',
  tab: 'by-extension',
  signs: { roles: ['azure_pg_admin', 'azuresu'], settings: ['azure.'] },
  hosts: HOSTS,
  note: 'Its parameters are server parameters in the portal (wal_level is one of them); the administrator gives roles the REPLICATION attribute. Its PgBouncer listens on port 6432: use 5432. When the storage is nearly full the server becomes read-only: switch storage auto-growth on.',
  wrongAddress: ({ port }) =>
    port === 6432 ? 'Port 6432 is the built-in PgBouncer: use port 5432, the server itself.' : null,
  extensions: ['azure', 'azure_ai', 'azure_storage', 'pg_azure_storage', 'pgaadauth'],
  schemas: [],
  change: ({ name, raw, restart: needed }, place) => [
    `Portal: Azure Database for PostgreSQL → ${nameOf(place)} → Server parameters → ${name} = ${raw}, Save${needed ? ' and restart' : ''}.`,
    `Command: az postgres flexible-server parameter set --resource-group GROUP --server-name ${nameOf(place)} --name ${name} --value ${shellWord(raw)}`,
    ...(needed ? restart(place) : []),
  ],
  restart,
  grantReplication: ({ user }) => [`As the server administrator: ALTER ROLE ${quoteIdent(user)} WITH REPLICATION;`],
};
