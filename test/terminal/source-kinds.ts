import type { ProviderId } from '../../src/engine/options.ts';
import type { CheckResult } from '../../src/providers/check.ts';
import type { StepItem } from '../../src/providers/step.ts';
import type { ServerReport } from '../../src/state/services.ts';
import { CHECKS, RDS_STEPS, SOURCE_REPORT, STEPS } from './shop.ts';

/** What a tab shows of a source of its own kind. */
export interface SourceKind {
  readonly report: Partial<ServerReport>;
  readonly checks: readonly CheckResult[];
  readonly steps: readonly StepItem[];
}

/** The shop's checks, with some of a kind of source instead of its two that don't pass. */
const withOwn = (...own: readonly Partial<CheckResult>[]): CheckResult[] => {
  const passing = CHECKS.filter(({ status }) => status === 'pass');
  const [like] = passing;
  return like ? [...own.map((result) => ({ ...like, ...result })), ...passing] : [];
};

export const SOURCE_KINDS: Readonly<Record<ProviderId, SourceKind>> = {
  'selfhosted-postgres': { report: SOURCE_REPORT, checks: CHECKS, steps: STEPS },
  'selfhosted-timescaledb': {
    report: {
      provider: 'selfhosted-timescaledb',
      providerEvidence: 'extension timescaledb 2.14.2, no sign of a provider',
      timescaledb: '2.14.2',
    },
    checks: withOwn(
      {
        id: 'timescaledb-versions',
        side: 'target',
        title: 'TimescaleDB on both sides',
        status: 'fail',
        found: '2.14.2 on the source, 2.22.1 on the target',
        wanted: 'the same version on both sides while the rows are copied',
        why: 'The layout of chunks and their catalog changes between releases: the rows must fit where they come to.',
        fix: 'On the source, in a new session: psql -X -c \'ALTER EXTENSION timescaledb UPDATE TO "2.22.1"\'\nThe package of that release must be installed there first.',
        code: 'TM1213',
      },
      {
        id: 'timescaledb-policies',
        title: 'Policies and jobs',
        status: 'info',
        found: '2 retention policies, 1 compression policy',
      },
    ),
    steps: STEPS,
  },
  rds: {
    report: { provider: 'rds', providerEvidence: 'roles rds_superuser, rdsadmin; rds.* settings' },
    checks: withOwn(
      {
        id: 'rds-logical-replication',
        title: 'rds.logical_replication',
        status: 'fail',
        found: 'off',
        wanted: 'on (1), and the instance rebooted since',
        why: 'It makes the instance write what logical decoding needs; only the parameter group can set it.',
        fix: [
          'Console: RDS → Parameter groups → shop-logical → Edit → rds.logical_replication = 1',
          'aws rds modify-db-parameter-group --db-parameter-group-name shop-logical --parameters "ParameterName=rds.logical_replication,ParameterValue=1,ApplyMethod=pending-reboot"',
          'aws rds reboot-db-instance --db-instance-identifier shop',
        ].join('\n'),
        code: 'TM1205',
        restart: 'source',
      },
      {
        id: 'rds-wal-sender-timeout',
        title: 'WAL sender timeout',
        status: 'warn',
        found: 'wal_sender_timeout = 30s',
        wanted: '0',
        why: 'A pause of the reader that is longer ends the replication connection.',
        fix: 'In the parameter group: wal_sender_timeout = 0; no reboot is needed.',
      },
    ),
    steps: RDS_STEPS,
  },
  mst: {
    report: {
      provider: 'mst',
      providerEvidence: 'extension aiven_extras is offered, roles avnadmin',
      timescaledb: '2.17.2',
    },
    checks: withOwn(
      {
        id: 'mst-tuning',
        title: 'Parameters of the service',
        status: 'info',
        found: 'as the service comes: nothing has to be tuned',
      },
      {
        id: 'mst-retention',
        title: 'Retention policies',
        status: 'warn',
        found: 'public.metrics drops chunks older than 30 days, every day',
        wanted: 'no chunk is dropped while the rows are copied',
        why: 'Dropped chunks are not replayed: the target keeps rows that the source has no more.',
        fix: 'SELECT alter_job(1004, scheduled => false);\nAfter the cut-over, on the target: SELECT alter_job(1004, scheduled => true);',
        apply: { side: 'source', sql: ['SELECT alter_job(1004, scheduled => false)'], restart: false },
      },
    ),
    steps: STEPS,
  },
};
