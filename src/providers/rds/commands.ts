import type { ParameterChange, Place } from '../platforms/platform.ts';
import { firstLabel, shellWord } from '../platforms/platform.ts';
import { endpointOf } from './endpoint.ts';

/** Whose parameter group it is, and who is rebooted. */
export interface RdsKind {
  readonly aurora: boolean;
  /** Its parameters are in a DB cluster parameter group: Aurora, and RDS Multi-AZ DB clusters. */
  readonly cluster: boolean;
}

/** The name of the parameter group that our instructions create. */
const OWN_GROUP = 'tiger-migration';

/** What the AWS commands name; capital letters stand for what the host name does not tell. */
export function namesOf({ host }: Pick<Place, 'host'>) {
  const endpoint = endpointOf(host);
  const identifier = endpoint?.identifier ?? null;
  const ofCluster = endpoint?.kind === 'writer' || endpoint?.kind === 'reader';
  return {
    region: endpoint?.region ?? 'REGION',
    instance: identifier !== null && !ofCluster ? shellWord(identifier) : 'INSTANCE',
    cluster: identifier !== null && ofCluster ? shellWord(identifier) : 'CLUSTER',
    known: endpoint !== null,
  };
}

/** `--db-instance-identifier shop --region eu-west-1`. */
export const instanceArguments = (place: Pick<Place, 'host'>): string => {
  const { instance, region } = namesOf(place);
  return `--db-instance-identifier ${instance} --region ${region}`;
};

export const clusterArguments = (place: Pick<Place, 'host'>): string => {
  const { cluster, region } = namesOf(place);
  return `--db-cluster-identifier ${cluster} --region ${region}`;
};

/** Prints which parameter group is in use, and whether its changes are in force. */
export const showGroup = (place: Pick<Place, 'host'>, cluster: boolean): string =>
  cluster
    ? `aws rds describe-db-clusters ${clusterArguments(place)} --query 'DBClusters[0].[DBClusterParameterGroup,DBClusterMembers]'`
    : `aws rds describe-db-instances ${instanceArguments(place)} --query 'DBInstances[0].[DBParameterGroups,PendingModifiedValues]'`;

/** Prints the subnets and security groups. */
export const showNetwork = (place: Pick<Place, 'host'>): string => {
  const cluster = namesOf(place).cluster !== 'CLUSTER';
  return cluster
    ? `aws rds describe-db-clusters ${clusterArguments(place)} --query 'DBClusters[0].[DBSubnetGroup,VpcSecurityGroups]'`
    : `aws rds describe-db-instances ${instanceArguments(place)} --query 'DBInstances[0].[DBSubnetGroup,VpcSecurityGroups]'`;
};

/** Where the host name leaves one of CLUSTER and INSTANCE open: the command that prints it from the other. */
function lookUp(place: Pick<Place, 'host'>, kind: RdsKind): string[] {
  const { cluster, instance, known, region } = namesOf(place);
  if (!known) return ['INSTANCE, CLUSTER and REGION are those of your database: the host name does not tell them.'];
  if (kind.cluster && cluster === 'CLUSTER' && instance !== 'INSTANCE') {
    return [
      `Command, to find CLUSTER: aws rds describe-db-instances --db-instance-identifier ${instance} --region ${region} --query 'DBInstances[0].DBClusterIdentifier' --output text`,
    ];
  }
  return [];
}

/** Prints the writer, which is the one to reboot. */
const showWriter = (place: Pick<Place, 'host'>): string =>
  `aws rds describe-db-clusters ${clusterArguments(place)} --query 'DBClusters[0].DBClusterMembers[?IsClusterWriter].DBInstanceIdentifier' --output text`;

/** How the server is rebooted, one step a line. */
export function reboot(place: Pick<Place, 'host'>, kind: RdsKind): string[] {
  const { cluster, instance, region } = namesOf(place);
  if (kind.cluster && !kind.aurora) {
    return [
      `Console: RDS → Databases → ${cluster} → Actions → Reboot.`,
      `Command: aws rds reboot-db-cluster ${clusterArguments(place)}`,
    ];
  }
  const writer = kind.aurora && instance === 'INSTANCE';
  return [
    `Console: RDS → Databases → ${kind.aurora ? `the writer instance of ${cluster === 'CLUSTER' ? 'the cluster' : cluster}` : instance} → Actions → Reboot (without fail-over).`,
    ...(writer ? [`Command, to find INSTANCE: ${showWriter(place)}`] : []),
    `Command: aws rds reboot-db-instance --db-instance-identifier ${instance} --region ${region}`,
  ];
}

/** RDS has its own switch for logical decoding; wal_level follows it. */
export const rdsParameter = ({
  name,
  raw,
}: {
  readonly name: string;
  readonly raw: string;
}): [name: string, value: string] => (name === 'wal_level' ? ['rds.logical_replication', '1'] : [name, raw]);

/**
 * How a parameter is changed, one step a line.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithParamGroups.html
 */
export function changeParameter(
  change: ParameterChange & { readonly raw: string },
  place: Place,
  kind: RdsKind,
): string[] {
  const [name, value] = rdsParameter(change);
  const { cluster, instance, region } = namesOf(place);
  const noun = kind.cluster ? 'DB cluster parameter group' : 'DB parameter group';
  const subject = kind.cluster ? cluster : instance;
  const word = kind.cluster ? 'db-cluster-parameter-group' : 'db-parameter-group';
  const family = `${kind.aurora ? 'aurora-postgresql' : 'postgres'}${place.major ?? 'VERSION'}`;
  const attach = kind.cluster
    ? `aws rds modify-db-cluster ${clusterArguments(place)} --db-cluster-parameter-group-name ${OWN_GROUP} --apply-immediately`
    : `aws rds modify-db-instance ${instanceArguments(place)} --db-parameter-group-name ${OWN_GROUP} --apply-immediately`;
  const method = change.restart ? 'pending-reboot' : 'immediate';
  return [
    `Console: RDS → Databases → ${subject} → Configuration → ${noun} → Edit parameters: set ${name} = ${value}, Save changes.`,
    ...lookUp(place, kind),
    `Command, to find GROUP: ${showGroup(place, kind.cluster)}`,
    `If GROUP begins with "default." it can't be changed. Console: RDS → Parameter groups → Create parameter group (${noun}, family ${family}), then RDS → Databases → ${subject} → Modify → ${noun} → Apply immediately. A group that was attached takes effect with the next reboot.`,
    `Command, to create a group: aws rds create-${word} --${word}-name ${OWN_GROUP} --db-parameter-group-family ${family} --description "logical replication" --region ${region}`,
    `Command, to attach it, after which GROUP is ${OWN_GROUP}: ${attach}`,
    `Command, to set the parameter: aws rds modify-${word} --${word}-name GROUP --region ${region} --parameters ParameterName=${name},ParameterValue=${shellWord(value)},ApplyMethod=${method}`,
    ...(change.restart ? reboot(place, kind) : []),
  ];
}

/** What the database is called in AWS, for titles of console pages. */
export const databaseName = (place: Pick<Place, 'host'>): string => {
  const { cluster, instance, known } = namesOf(place);
  if (!known) return 'the database';
  return cluster === 'CLUSTER' ? (instance === 'INSTANCE' ? firstLabel(place) : instance) : cluster;
};
