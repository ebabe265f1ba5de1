import { quoteIdent } from '../../postgres/identifiers.ts';
import { type Place, type Platform, shellWord } from './platform.ts';

/** `db.abcdefgh.supabase.co`, or the user `postgres.abcdefgh` of the pooler. */
const projectOf = ({ host, user }: Place): string =>
  /^db\.([a-z0-9]+)\.supabase\.(co|in|net)$/i.exec(host)?.[1] ??
  (/\.pooler\.supabase\.com$/i.test(host) ? /\.([a-z0-9]+)$/i.exec(user)?.[1] : undefined) ??
  'PROJECT';

const POOLER = /\.pooler\.supabase\.com$/i;

/** https://supabase.com/docs/guides/database/postgres/setup-replication-external */
export const supabase: Platform = {
  id: 'supabase',
  label: 'Supabase',
  tab: 'by-extension',
  signs: { roles: ['supabase_admin'], settings: ['supautils.'], extensions: ['supabase_vault'] },
  hosts: /\.supabase\.(co|in|com|net)$/i,
  note: 'wal_level is logical there already. Connect to the direct host (db.PROJECT.supabase.co, port 5432), not to the pooler. The direct host has an IPv6 address only, unless the project has the IPv4 add-on. The schemas auth, storage and the like belong to Supabase: leave them out.',
  wrongAddress: (place) =>
    POOLER.test(place.host) || place.port === 6543
      ? `This is the pooler: use the direct connection, host db.${projectOf(place)}.supabase.co, port 5432, user postgres (Dashboard → Connect → Direct connection). It needs IPv6 on this machine, or the IPv4 add-on.`
      : null,
  extensions: [
    'supabase_vault',
    'pg_graphql',
    'pg_net',
    'pgsodium',
    'pgjwt',
    'wrappers',
    'pg_jsonschema',
    'index_advisor',
  ],
  schemas: [
    'auth',
    'storage',
    'realtime',
    '_realtime',
    'vault',
    'pgsodium',
    'graphql',
    'graphql_public',
    'net',
    'supabase_functions',
    'supabase_migrations',
    'pgbouncer',
  ],
  change: ({ name, value, restart }, place) => [
    `Command (Supabase CLI; the dashboard has no page for it): supabase --experimental --project-ref ${projectOf(place)} postgres-config update --config ${name}=${shellWord(value)}`,
    restart
      ? 'It restarts the database by itself.'
      : 'It may restart the database; add --no-restart where a reload is enough, as here.',
  ],
  restart: (place) => [
    'Dashboard: Project Settings → General → Restart project → Fast database reboot.',
    `Address: https://supabase.com/dashboard/project/${projectOf(place)}/settings/general`,
  ],
  grantReplication: ({ user }) => [
    'Connect as postgres, which has the right.',
    `Or as postgres: ALTER ROLE ${quoteIdent(user)} WITH REPLICATION;`,
  ],
};
