import { quoteIdent } from '../../postgres/identifiers.ts';
import type { ParameterChange, Platform } from './platform.ts';

type Change = ParameterChange & { readonly raw: string };

/** Both set all flags at once: what is not named is taken away. */
const KEEP =
  'The next command replaces all flags: put those that are set already in the place of FLAGS_SET_ALREADY, or the instance loses them.';
const PROXY = 'The Auth Proxy is fine: it is a tunnel, not a pooler. Managed connection pooling (port 6432) is not.';

const grant = (superuser: string, user: string): string[] => [
  `As a user with ${superuser} (postgres): ALTER USER ${quoteIdent(user)} WITH REPLICATION;`,
];

/** https://cloud.google.com/sql/docs/postgres/replication/configure-logical-replication */
export const cloudSql: Platform = {
  id: 'cloud-sql',
  label: 'Google Cloud SQL',
  tab: 'by-extension',
  signs: { roles: ['cloudsqlsuperuser', 'cloudsqladmin'], settings: ['cloudsql.'] },
  hosts: /\.sql\.goog$/i,
  note: `Its parameters are flags of the instance; logical decoding is the flag cloudsql.logical_decoding. Roles get REPLICATION by ALTER USER. ${PROXY}`,
  wrongAddress: ({ port }) =>
    port === 6432 ? 'Port 6432 is the managed connection pool: use port 5432, the server itself.' : null,
  extensions: ['google_ml_integration', 'google_vacuum_mgmt'],
  schemas: [],
  change(change) {
    const [name, value] = flag(change, 'cloudsql.logical_decoding');
    return [
      `Console: Cloud SQL → the instance → Edit → Flags → Add a database flag: ${name} = ${value}, Save${change.restart ? ' and restart' : ''}.`,
      'Command: gcloud sql instances describe INSTANCE --format="value(settings.databaseFlags)"',
      KEEP,
      `Command: gcloud sql instances patch INSTANCE --database-flags=FLAGS_SET_ALREADY,${name}=${value}${change.restart ? ' # restarts the instance' : ''}`,
    ];
  },
  restart: () => ['Console: Cloud SQL → the instance → Restart.', 'Command: gcloud sql instances restart INSTANCE'],
  grantReplication: ({ user }) => grant('cloudsqlsuperuser', user),
};

/** https://cloud.google.com/alloydb/docs/reference/alloydb-flags */
export const alloyDb: Platform = {
  id: 'alloydb',
  label: 'Google AlloyDB',
  tab: 'by-extension',
  signs: { roles: ['alloydbsuperuser', 'alloydbadmin'], settings: ['alloydb.'] },
  hosts: /\.alloydb\.goog$/i,
  note: `Its parameters are flags of the primary instance; logical decoding is the flag alloydb.logical_decoding. ${PROXY}`,
  wrongAddress: cloudSql.wrongAddress,
  extensions: [
    'google_columnar_engine',
    'google_db_advisor',
    'google_ml_integration',
    'alloydb_scann',
    'alloydb_ai_nl',
  ],
  schemas: [],
  change(change) {
    const [name, value] = flag(change, 'alloydb.logical_decoding');
    return [
      `Console: AlloyDB → Clusters → the primary instance → Edit → Flags: ${name} = ${value}, Update instance${change.restart ? ' (it restarts)' : ''}.`,
      'Command: gcloud alloydb instances describe INSTANCE --cluster=CLUSTER --region=REGION --format="value(databaseFlags)"',
      KEEP,
      `Command: gcloud alloydb instances update INSTANCE --cluster=CLUSTER --region=REGION --database-flags=FLAGS_SET_ALREADY,${name}=${value}`,
    ];
  },
  restart: () => [
    'Console: AlloyDB → Clusters → the primary instance → Restart.',
    'Command: gcloud alloydb instances restart INSTANCE --cluster=CLUSTER --region=REGION',
  ],
  grantReplication: ({ user }) => grant('alloydbsuperuser', user),
};

const flag = ({ name, raw }: Change, logicalDecoding: string): [name: string, value: string] =>
  name === 'wal_level' ? [logicalDecoding, 'on'] : [name, raw];
