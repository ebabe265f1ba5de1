import { tmpdir } from 'node:os';
import { describe, expect } from 'vitest';
import { summarize } from '../../src/commands/plan-summary.ts';
import { estimateCopySeconds } from '../../src/engine/copy/estimate.ts';
import { type MigrationOptions, migrationOptionsSchema } from '../../src/engine/options.ts';
import { connect, endQuietly } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import type { PlanSummary } from '../../src/state/services.ts';
import { type TestDatabases, test } from '../support/databases.ts';

const SCHEMA = `
CREATE SCHEMA audit;
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, customer int CONSTRAINT orders_customer REFERENCES customers);
CREATE INDEX orders_by_customer ON orders (customer);
CREATE TABLE audit.views (at timestamptz, page text);
CREATE UNLOGGED TABLE cache (k text PRIMARY KEY);
CREATE TABLE part (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE part_2026 PARTITION OF part FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 5000) i;
INSERT INTO orders SELECT i, i FROM generate_series(1, 2000) i;
ANALYZE;`;

async function planOf(
  { source, target }: TestDatabases,
  given: Partial<MigrationOptions> = {},
  walPerSecond: number | null = 1000,
): Promise<PlanSummary> {
  const clients = {
    source: await connect(parseConnectionString(source.uri, {}), { side: 'source', application: 'test' }),
    target: await connect(parseConnectionString(target.uri, {}), { side: 'target', application: 'test' }),
  };
  try {
    const options = migrationOptionsSchema.parse(given);
    return await summarize({ options }, { ...clients, directory: tmpdir(), walPerSecond });
  } finally {
    await Promise.all([endQuietly(clients.source), endQuietly(clients.target)]);
  }
}

describe('the plan', () => {
  test('says what is copied, how much that is, and how long it takes', async ({ databases }) => {
    await databases.source.query(SCHEMA);
    const plan = await planOf(databases, { tableJobs: 2, indexJobs: 3 });
    expect(plan.tables.map(({ relation }) => relation).sort()).toEqual([
      'audit.views',
      'public.cache',
      'public.customers',
      'public.orders',
      'public.part_2026',
    ]);
    expect(plan.tables[0]).toMatchObject({ relation: 'public.customers', rows: 5000, parts: 1, note: '' });
    expect(plan.tables.find(({ relation }) => relation === 'audit.views')?.note).toBe('inserts only');
    expect(plan).toMatchObject({
      skipped: [],
      remarks: [],
      indexes: 4,
      tableJobs: 2,
      indexJobs: 3,
      walPerSecond: 1000,
    });
    expect(plan.bytes).toBe(plan.tables.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(plan.estimateSeconds).toBe(estimateCopySeconds(plan.bytes, 2));
    expect(plan.spoolBytes).toBe(1000 * estimateCopySeconds(plan.bytes, 2));
    expect(plan.spoolFreeBytes).toBeGreaterThan(0);
  });

  test('knows no spool where the WAL could not be measured, and no time where nothing is copied', async ({
    databases,
  }) => {
    await databases.source.query(SCHEMA);
    expect(await planOf(databases, {}, null)).toMatchObject({ walPerSecond: null, spoolBytes: null });
    const nothing = await planOf(databases, { excludeSchema: ['public', 'audit'] });
    expect(nothing).toMatchObject({ tables: [], bytes: 0, indexes: 0, estimateSeconds: null, spoolBytes: null });
  });

  test('says what stays behind and why', async ({ databases }) => {
    await databases.source.query(SCHEMA);
    const plan = await planOf(databases, { excludeTable: ['part'], skipTableData: ['audit.*'] });
    expect(plan.skipped).toEqual(
      expect.arrayContaining([
        { object: 'public.part', why: 'left out on request' },
        { object: 'public.part_2026', why: 'left out on request' },
        { object: 'audit.views', why: 'schema only, on request' },
      ]),
    );
    expect(plan.tables.map(({ relation }) => relation)).not.toContain('public.part_2026');
    expect(plan.remarks).toEqual([]);
  });

  test('says which filters match nothing', async ({ databases }) => {
    await databases.source.query(SCHEMA);
    const plan = await planOf(databases, {
      skipTableData: ['audit.vews', 'part'],
      excludeTable: ['public.*_old'],
      excludeSchema: ['audit_old'],
      skipIndex: ['orders_by_*', 'orders_pkey'],
      skipExtensions: ['postgis'],
    });
    expect(plan.remarks).toEqual([
      'skip table data: no table is called audit.vews',
      'exclude tables: no table is called public.*_old',
      'exclude schemas: no schema is called audit_old',
      'skip indexes: no index is called orders_pkey (those of constraints are always built)',
      'skip extensions: the source has no extension postgis',
    ]);
  });

  test('says which foreign keys lead to what stays behind', async ({ databases }) => {
    await databases.source.query(SCHEMA);
    expect((await planOf(databases, { excludeTable: ['customers'] })).remarks).toEqual([
      'public.orders refers to public.customers, which is left out: foreign key orders_customer is left out, too',
    ]);
    expect((await planOf(databases, { skipTableData: ['customers'] })).remarks).toEqual([
      expect.stringMatching(/^public\.orders refers to rows of public\.customers, .*orders_customer would fail/),
    ]);
    expect((await planOf(databases, { skipTableData: ['customers', 'orders'] })).remarks).toEqual([]);
    expect((await planOf(databases, { excludeTable: ['customers', 'orders'] })).remarks).toEqual([]);
    expect((await planOf(databases, { excludeTable: ['orders'] })).remarks).toEqual([]);
  });

  test('leaves roles and extensions to the operator when told to', async ({ databases }) => {
    const role = databases.role('reader');
    await databases.source.admin(
      `CREATE ROLE ${role}; GRANT CONNECT ON DATABASE ${new URL(databases.source.uri).pathname.slice(1)} TO ${role}`,
    );
    await databases.source.query('CREATE TABLE t (id int PRIMARY KEY)');
    await databases.source.admin(`GRANT SELECT ON t TO ${role}; CREATE EXTENSION pg_trgm`);
    expect(await planOf(databases)).toMatchObject({ roles: expect.arrayContaining([role]), extensions: ['pg_trgm'] });
    expect(await planOf(databases, { skipRoles: true, skipExtensions: 'all' })).toMatchObject({
      roles: [],
      extensions: [],
    });
    expect((await planOf(databases, { skipExtensions: ['pg_trgm'] })).extensions).toEqual([]);
  });
});
