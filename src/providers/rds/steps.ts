import { isReady, psql } from '../client-commands.ts';
import type { Step, StepSetting } from '../step.ts';
import { clusterArguments, databaseName, instanceArguments, namesOf, showGroup } from './commands.ts';
import { endpointOf } from './endpoint.ts';
import { MACHINE_STEPS } from './machine-steps.ts';

const ONLY_RDS = ['rds'] as const;

const isCluster = ({ source }: StepSetting): boolean => {
  const kind = endpointOf(source.host)?.kind;
  return kind === 'writer' || kind === 'reader';
};

/** `Command`, of a cluster once for each of its instances. */
const commandOf = (setting: StepSetting): string =>
  isCluster(setting) ? 'Command, for each instance of the cluster' : 'Command';

const parameterGroup: Step = {
  id: 'rds-parameter-group',
  title: 'The database has a parameter group of its own',
  why: 'The settings for replication are changed in its parameter group; a group whose name begins with "default." can\'t be changed. SQL does not show which one it is.',
  providers: ONLY_RDS,
  how: (setting) => [
    `Console: RDS → Databases → ${databaseName(setting.source)} → Configuration: the parameter group of an instance is under "DB instance parameter group", of Aurora under "DB cluster parameter group".`,
    `Command: ${showGroup(setting.source, isCluster(setting))}`,
    ...(isCluster(setting) ? [] : [`Command, for an Aurora cluster: ${showGroup(setting.source, true)}`]),
    'If it begins with "default.": RDS → Parameter groups → Create parameter group (the family of your version), then Modify the database to use it, then reboot. The failing checks give the commands.',
    'If the answer says "pending-reboot", a change waits for the reboot.',
  ],
};

const backups: Step = {
  id: 'rds-backups',
  title: 'Automated backups are on',
  why: 'There must be a way back for the source, whatever happens during the migration.',
  providers: ONLY_RDS,
  how: (setting) => [
    `Console: RDS → Databases → ${databaseName(setting.source)} → Maintenance & backups: Automated backups enabled, latest restore time a few minutes ago. Move the backup window out of the planned cut-over.`,
    ...(isCluster(setting)
      ? [
          `Command: aws rds describe-db-clusters ${clusterArguments(setting.source)} --query 'DBClusters[0].[BackupRetentionPeriod,LatestRestorableTime,PreferredBackupWindow]'`,
        ]
      : [
          `Command: aws rds describe-db-instances ${instanceArguments(setting.source)} --query 'DBInstances[0].[BackupRetentionPeriod,LatestRestorableTime,PreferredBackupWindow]'`,
          `Command, if the retention is 0 (a short outage follows): aws rds modify-db-instance ${instanceArguments(setting.source)} --backup-retention-period 7 --apply-immediately`,
        ]),
  ],
};

const storage: Step = {
  id: 'rds-storage',
  title: 'The source has free storage, and it grows by itself',
  why: 'While the copy runs the source keeps its WAL for the slot. RDS stops a database whose storage is full. The volume of Aurora grows by itself: there tick this.',
  providers: ONLY_RDS,
  how: (setting) => {
    const { instance, region } = namesOf(setting.source);
    return [
      `Console: RDS → Databases → ${databaseName(setting.source)} → Monitoring → FreeStorageSpace; Configuration → Storage autoscaling: Enabled.`,
      `Command, the free bytes of the last hour: aws cloudwatch get-metric-statistics --namespace AWS/RDS --metric-name FreeStorageSpace --dimensions Name=DBInstanceIdentifier,Value=${instance} --region ${region} --statistics Minimum --period 3600 --start-time "$(date -u -d '-1 hour' +%FT%TZ)" --end-time "$(date -u +%FT%TZ)" # macOS: date -u -v-1H +%FT%TZ`,
      `Command, to let it grow to 1000 GiB: aws rds modify-db-instance ${instanceArguments(setting.source)} --max-allocated-storage 1000 --apply-immediately`,
      'Make an alarm on FreeStorageSpace, and on OldestReplicationSlotLag, for the time of the migration.',
    ];
  },
};

const failover: Step = {
  id: 'rds-failover',
  title: 'No fail-over, Blue/Green switch or resize until the cut-over',
  why: 'Multi-AZ itself does no harm, but a logical slot may be lost in a fail-over, and is lost in a Blue/Green switch: the tables would have to be copied again.',
  providers: ONLY_RDS,
  how: (setting) => [
    `Console: RDS → Databases → ${databaseName(setting.source)}: no Blue/Green deployment, no pending modification (Maintenance & backups → Pending maintenance, Pending modifications), nobody plans "Reboot with failover".`,
    `${commandOf(setting)}: aws rds describe-db-instances ${instanceArguments(setting.source)} --query 'DBInstances[0].[MultiAZ,PendingModifiedValues,PreferredMaintenanceWindow]'`,
    `Command: aws rds describe-pending-maintenance-actions --region ${namesOf(setting.source).region}`,
    `Command: aws rds describe-blue-green-deployments --region ${namesOf(setting.source).region}`,
  ],
};

const upgrades: Step = {
  id: 'rds-minor-upgrades',
  title: 'Automatic minor version upgrades are off, the maintenance window is behind the cut-over',
  why: 'An upgrade restarts the database, with Multi-AZ by a fail-over.',
  providers: ONLY_RDS,
  how: (setting) => [
    `Console: RDS → Databases → ${databaseName(setting.source)} → Modify → Maintenance: switch "Auto minor version upgrade" off, set the maintenance window behind the cut-over, Apply immediately.`,
    `${commandOf(setting)}: aws rds modify-db-instance ${instanceArguments(setting.source)} --no-auto-minor-version-upgrade --preferred-maintenance-window sun:03:00-sun:03:30 --apply-immediately`,
    'Afterwards, if the source stays: --auto-minor-version-upgrade.',
  ],
};

const connectionTest: Step = {
  id: 'rds-connection-test',
  title: 'This machine reaches both databases',
  why: 'A missing rule of a security group shows as a connection that hangs: better now than in the wizard.',
  providers: ONLY_RDS,
  how: ({ source, target }) => [
    `Command: ${isReady(source)}`,
    `Command: ${psql(source, "-c 'SELECT current_user, version()'")}`,
    `Command: ${isReady(target)}`,
    `Command: ${psql(target, "-c 'SELECT current_user, version()'")}`,
    '"no response" means security group, network ACL or route; "no pg_hba.conf entry … no encryption" means that TLS is missing: sslmode=require.',
  ],
};

/** Steps of an RDS or Aurora source. */
export const RDS_STEPS: readonly Step[] = [
  parameterGroup,
  backups,
  storage,
  failover,
  upgrades,
  ...MACHINE_STEPS,
  connectionTest,
];
