import type { CheckResult } from '../../src/providers/check.ts';
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
  ...rest,
});

export const CHECKS: readonly CheckResult[] = [
  check('source-version', 'source', 'server version', { found: '15.18', wanted: '12 to 18' }),
  check('source-wal-level', 'source', 'wal_level', {
    status: 'fail',
    found: 'replica',
    wanted: 'logical',
    why: 'logical decoding reads the changes from the WAL, which holds what it needs only at this level',
    fix: 'ALTER SYSTEM SET wal_level = logical; then restart the server',
    code: 'TM1205',
    apply: { side: 'source', sql: ['ALTER SYSTEM SET wal_level = logical'], restart: true },
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

export const IDENTITIES: readonly IdentityRow[] = [
  {
    relation: 'public.sessions',
    bytes: 12 * MIB,
    rows: 48_000,
    updatesDeletes: 210_344,
    choices: [
      {
        relation: 'public.sessions',
        kind: 'index',
        label: 'unique index sessions_token_key',
        cost: 'nothing to speak of',
        sql: ['ALTER TABLE public.sessions REPLICA IDENTITY USING INDEX sessions_token_key'],
      },
      {
        relation: 'public.sessions',
        kind: 'full',
        label: 'the whole row (FULL)',
        cost: 'more WAL, slower replay',
        sql: ['ALTER TABLE public.sessions REPLICA IDENTITY FULL'],
      },
      {
        relation: 'public.sessions',
        kind: 'insert-only',
        label: 'inserts only',
        cost: 'updates and deletes are not replicated',
        sql: [],
      },
    ],
  },
  {
    relation: 'audit.page_views',
    bytes: 61 * MIB,
    rows: 900_000,
    updatesDeletes: 0,
    choices: [
      {
        relation: 'audit.page_views',
        kind: 'insert-only',
        label: 'inserts only',
        cost: 'it has never been updated',
        sql: [],
      },
      {
        relation: 'audit.page_views',
        kind: 'full',
        label: 'the whole row (FULL)',
        cost: 'more WAL, slower replay',
        sql: ['ALTER TABLE audit.page_views REPLICA IDENTITY FULL'],
      },
    ],
  },
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
};
