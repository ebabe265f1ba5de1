import { quoteIdent } from '../../postgres/identifiers.ts';
import { changeParameter, reboot } from '../rds/commands.ts';
import { endpointOf, wrongEndpoint } from '../rds/endpoint.ts';
import type { Place, Platform } from './platform.ts';

const grantReplication = ({ user }: Place): string[] => [
  `As the master user: GRANT rds_replication TO ${quoteIdent(user)};`,
  'The master user has that role from the beginning (SELECT rolname FROM pg_roles shows it as rds_replication).',
];

const EXTENSIONS = ['aws_commons', 'aws_lambda', 'aws_ml', 'aws_s3', 'rds_activity_stream', 'rds_tools'];
const HOSTS = /\.rds\.(amazonaws\.com|[a-z0-9-]+\.amazonaws\.com\.cn)$/i;

/** https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Replication.Logical.html */
export const aurora: Platform = {
  id: 'aurora',
  label: 'Amazon Aurora',
  tab: 'rds',
  signs: {
    functions: ['aurora_version', 'aurora_db_instance_identifier'],
    settings: ['aurora_version', 'apg_plan_mgmt.'],
  },
  hosts: /\.(cluster|cluster-ro|cluster-custom)-[a-z0-9]+\.[a-z0-9-]+\.rds\.amazonaws\.com$/i,
  note: 'Its parameters for replication are in the DB cluster parameter group, not in that of the instance.',
  wrongAddress: wrongEndpoint,
  extensions: [...EXTENSIONS, 'apg_plan_mgmt', 'aurora_stat_utils'],
  schemas: [],
  change: (change, place) => changeParameter(change, place, { aurora: true, cluster: true }),
  restart: (place) => reboot(place, { aurora: true, cluster: true }),
  grantReplication,
};

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.FeatureSupport.LogicalReplication.html */
export const rds: Platform = {
  id: 'rds',
  label: 'Amazon RDS',
  tab: 'rds',
  signs: { roles: ['rds_superuser', 'rdsadmin', 'rds_replication'], settings: ['rds.'] },
  hosts: HOSTS,
  note: null,
  wrongAddress: wrongEndpoint,
  extensions: EXTENSIONS,
  schemas: [],
  // A cluster endpoint without Aurora is a Multi-AZ DB cluster.
  change: (change, place) => changeParameter(change, place, { aurora: false, cluster: isCluster(place) }),
  restart: (place) => reboot(place, { aurora: false, cluster: isCluster(place) }),
  grantReplication,
};

const isCluster = (place: Place): boolean => {
  const kind = endpointOf(place.host)?.kind;
  return kind === 'writer' || kind === 'reader';
};
