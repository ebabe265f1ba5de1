import { firstRow } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { info, pass, warn } from '../outcome.ts';

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.FeatureSupport.LogicalReplication.html */
const isRds: Check = {
  id: 'rds-source',
  side: 'source',
  title: 'Amazon RDS or Aurora',
  wanted: 'the source is an RDS or Aurora instance',
  why: 'The remedies on this tab are steps in the AWS console.',
  fix: 'Choose another source kind (--provider).',
  providers: ['rds'],
  async run({ source }) {
    const { role } = await firstRow<{ role: string }>(
      source,
      "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_superuser') AS role",
    );
    return role === 't'
      ? pass('it has the role rds_superuser')
      : warn('no role rds_superuser: this does not look like RDS');
  },
};

const multiAz: Check = {
  id: 'rds-failover',
  side: 'source',
  title: 'Fail-over during the migration',
  wanted: 'none planned until the cut-over',
  why: 'A replication slot does not survive a fail-over: the tables would have to be copied again.',
  fix: 'Keep maintenance windows, minor version upgrades and planned fail-overs out of the time of the migration.',
  providers: ['rds'],
  run: () => Promise.resolve(info('look at the maintenance window of the instance')),
};

/** Checks of an RDS or Aurora source besides those of every source. */
export const RDS_CHECKS: readonly Check[] = [isRds, multiAz];
