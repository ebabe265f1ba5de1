import type { CheckResult } from '../../src/providers/check.ts';
import { choicesFor, type ViableIndex } from '../../src/providers/identity/choices.ts';
import type { StepItem } from '../../src/providers/step.ts';
import type { IdentityRow, PlanSummary, ServerReport } from '../../src/state/services.ts';

/** A shop database as the services would describe it. */

const MIB = 1024 ** 2;

export const SOURCE_URI = 'postgres://app:s3cret@db.shop.example:5432/shop?sslmode=require';
export const TARGET_URI = 'postgres://tsdbadmin:t0psecret@x1.y2.tsdb.cloud.example:34567/tsdb?sslmode=require';

export const SOURCE_REPORT: ServerReport = {
  address: 'db.shop.example:5432/shop',
  user: 'app',
  version: 'PostgreSQL 15.18',
  timescaledb: null,
  tls: 'TLSv1.3',
  bytes: 296 * MIB,
  tables: 14,
  roundTripMs: 3.2,
  provider: 'selfhosted-postgres',
  providerEvidence: 'no rds_superuser role, no TimescaleDB, not an Aiven service',
  providerNote: null,
};

export const TARGET_REPORT: ServerReport = {
  address: 'x1.y2.tsdb.cloud.example:34567/tsdb',
  user: 'tsdbadmin',
  version: 'PostgreSQL 17.6',
  timescaledb: '2.22.1',
  tls: 'TLSv1.3',
  bytes: 9 * MIB,
  tables: 0,
  roundTripMs: 18,
  provider: null,
  providerEvidence: '',
  providerNote: null,
};

const check = (id: string, side: CheckResult['side'], title: string, rest: Partial<CheckResult>): CheckResult => ({
  id,
  side,
  title,
  status: 'pass',
  found: 'as wanted',
  wanted: 'as wanted',
  why: 'the migration rests on it',
  fix: '',
  code: null,
  apply: null,
  restart: null,
  ...rest,
});

export const CHECKS: readonly CheckResult[] = [
  check('source-version', 'source', 'server version', { found: '15.18', wanted: '12 to 18' }),
  check('source-wal-level', 'source', 'wal_level', {
    status: 'fail',
    found: 'replica',
    wanted: 'logical',
    why: 'logical decoding reads the changes from the WAL, which holds what it needs only at this level',
    fix: 'As a superuser: ALTER SYSTEM SET wal_level = logical;\nThen restart the server: systemctl restart postgresql',
    code: 'TM1205',
    apply: { side: 'source', sql: ['ALTER SYSTEM SET wal_level = logical'], restart: true },
    restart: 'source',
  }),
  check('source-slots', 'source', 'free replication slots', { found: '10 of 10 free', wanted: 'at least 2' }),
  check('source-senders', 'source', 'free WAL senders', { found: '10 of 10 free', wanted: 'at least 2' }),
  check('source-replication', 'source', 'right to replicate', { found: 'role app has REPLICATION' }),
  check('source-keep', 'source', 'WAL kept for slots', {
    status: 'warn',
    found: 'max_slot_wal_keep_size = 1GB',
    wanted: '-1, or more than is written while the copy runs',
    why: 'beyond it the server throws away WAL that the slot still needs, and the migration must start over',
    fix: 'ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf();',
    apply: {
      side: 'source',
      sql: ['ALTER SYSTEM SET max_slot_wal_keep_size = -1', 'SELECT pg_reload_conf()'],
      restart: false,
    },
  }),
  check('target-version', 'target', 'server version', { found: '17.6', wanted: 'not older than the source' }),
  check('target-empty', 'target', 'target is empty', { found: 'no tables', wanted: 'none of the names of the source' }),
  check('target-replica-role', 'target', 'session_replication_role', { found: 'may be set to replica' }),
  check('tools', 'local', 'pg_dump and pg_restore', { found: '17.6', wanted: '15.18 or newer' }),
  check('disk', 'local', 'room for the spool', { found: '20 GiB free', wanted: '10 GiB' }),
];

/** What is ticked by hand on the way from a self-hosted source. */
export const STEPS: readonly StepItem[] = [
  {
    id: 'same-region',
    title: 'This machine stands near the target',
    why: 'Every row passes through it: each millisecond on the way counts for every batch.',
    how: ['Run it in the region of the target, with as many CPUs as the target has.'],
    ticked: '2026-01-01T10:00:00.000Z',
  },
  {
    id: 'no-ddl',
    title: 'Nobody changes the schema until the end',
    why: 'A table that is altered on the source while the migration runs is not altered on the target.',
    how: ['Tell everybody who may release, and stop automatic schema changes until the cut-over.'],
    ticked: null,
  },
];

/** The same for RDS, with commands that are longer than a line. */
export const RDS_STEPS: readonly StepItem[] = [
  {
    id: 'rds-parameter-group',
    title: 'A parameter group of its own',
    why: 'The default group cannot be changed, and logical replication is off in it.',
    how: [
      'Console: RDS, Parameter groups, Create parameter group; then modify the instance to use it.',
      'aws rds create-db-parameter-group --db-parameter-group-name shop-logical --db-parameter-group-family postgres15 --description "for the migration to Tiger Cloud"',
      'aws rds modify-db-parameter-group --db-parameter-group-name shop-logical --parameters "ParameterName=rds.logical_replication,ParameterValue=1,ApplyMethod=pending-reboot"',
      'aws rds modify-db-instance --db-instance-identifier shop --db-parameter-group-name shop-logical --apply-immediately',
      'aws rds reboot-db-instance --db-instance-identifier shop',
    ],
    ticked: null,
  },
  ...STEPS.map((step) => ({ ...step, ticked: null })),
];

const DAY = 86_400;
const column = (name: string, evidence = 0, notNull = true) => ({ name, notNull, evidence });
function identityRow(
  name: string,
  of: Pick<IdentityRow, 'columns' | 'bytes' | 'rows' | 'updatesDeletes'> & Partial<IdentityRow>,
  viable: readonly ViableIndex[] = [],
): IdentityRow {
  const [schema = '', table = ''] = name.split('.');
  const row = {
    relation: name,
    schema,
    name: table,
    partitions: 0,
    tables: [{ oid: '1', schema, name: table, identity: 'DEFAULT' }],
    countedSeconds: 12 * DAY,
    cascades: [],
    owner: null,
    ...of,
  };
  return { ...row, choices: choicesFor(row, [viable]) };
}

export const IDENTITIES: readonly IdentityRow[] = [
  identityRow(
    'public.sessions',
    {
      columns: [column('token'), column('customer_id'), column('seen_at', 0, false)],
      bytes: 12 * MIB,
      rows: 48_000,
      updatesDeletes: 210_344,
    },
    [{ name: 'sessions_token_key', columns: ['token'] }],
  ),
  identityRow('audit.page_views', {
    columns: [column('at'), column('url')],
    bytes: 61 * MIB,
    rows: 900_000,
    updatesDeletes: 0,
  }),
];

/** Some of every kind, more than fit a small screen. */
export const MANY_IDENTITIES: readonly IdentityRow[] = [
  ...IDENTITIES,
  identityRow('public.events', {
    columns: [column('id', 4), column('at'), column('kind')],
    bytes: 3300 * MIB,
    rows: 26_000_000,
    updatesDeletes: 1_900,
  }),
  identityRow('public.metrics', {
    columns: [column('device'), column('at')],
    partitions: 12,
    tables: Array.from({ length: 12 }, (_, at) => ({
      oid: String(100 + at),
      schema: 'public',
      name: `metrics_${at + 1}`,
      identity: 'DEFAULT',
    })),
    bytes: 900 * MIB,
    rows: 9_000_000,
    updatesDeletes: 12,
  }),
  identityRow('public.new', { columns: [], bytes: 8192, rows: 0, updatesDeletes: 0, countedSeconds: 125 }),
  ...Array.from({ length: 20 }, (_, at) =>
    identityRow(`archive.log_${at + 1}`, { columns: [column('at')], bytes: MIB, rows: 9000, updatesDeletes: 0 }),
  ),
];

/** Name, MiB, rows. */
export const TABLES: readonly (readonly [string, number, number])[] = [
  ['public.order_lines', 104, 1_200_000],
  ['audit.page_views', 61, 900_000],
  ['public.orders', 48, 410_000],
  ['public.events', 33, 260_000],
  ['public.customers', 19, 120_000],
  ['public.sessions', 12, 48_000],
  ['public.products', 8, 22_000],
  ['public.prices', 4, 31_000],
  ['public.stock', 3, 22_000],
  ['public.reviews', 2.5, 18_000],
  ['public.categories', 0.4, 210],
  ['public."Weird Name"', 0.3, 12],
  ['public.settings', 0.1, 40],
  ['public.countries', 0.1, 250],
];

export const INDEXES: readonly (readonly [string, string])[] = [
  ['public.order_lines', 'order_lines_pkey'],
  ['public.order_lines', 'order_lines_product_idx'],
  ['public.orders', 'orders_pkey'],
  ['public.orders', 'orders_customer_idx'],
  ['public.events', 'events_pkey'],
  ['public.customers', 'customers_pkey'],
  ['public.customers', 'customers_email_key'],
  ['public.products', 'products_pkey'],
];

export const PLAN: PlanSummary = {
  tables: TABLES.map(([relation, mib, rows], at) => ({
    relation,
    bytes: mib * MIB,
    rows,
    parts: at === 0 ? 2 : 1,
    note: relation === 'audit.page_views' ? 'inserts only' : '',
  })),
  skipped: [
    { object: 'foreign table public.erp_items', why: 'foreign tables hold no rows of their own' },
    { object: 'unlogged table public.cache', why: 'not decoded: copied again at the cut-over' },
  ],
  extensions: ['plpgsql', 'pgcrypto', 'pg_trgm'],
  roles: ['app', 'app_readonly', 'reporting'],
  bytes: 296 * MIB,
  indexes: INDEXES.length,
  tableJobs: 4,
  indexJobs: 2,
  estimateSeconds: 15,
  walPerSecond: 1.2 * MIB,
  spoolBytes: 18 * MIB,
  spoolFreeBytes: 20 * 1024 * MIB,
  remarks: [],
};
