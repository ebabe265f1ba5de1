import { describe, expect, test } from 'vitest';
import { parseSize } from '../../src/commands/size.ts';
import { planParts } from '../../src/engine/copy/parts.ts';
import { copyStatements } from '../../src/engine/copy/pipe.ts';
import { gatesOf, lockingGates, standingInTheWay } from '../../src/engine/cutover/gates.ts';
import type { EngineEvent } from '../../src/engine/events.ts';
import { copyTotals, foldProgress, initialProgress } from '../../src/engine/progress.ts';
import { LagMeter } from '../../src/engine/replay/lag.ts';
import type { SourceTable } from '../../src/engine/source/catalog.ts';
import { assignTables } from '../../src/engine/source/publications.ts';

const column = (name: string, over: Partial<SourceTable['columns'][number]> = {}) => ({
  name,
  generated: false,
  identityAlways: false,
  binarySafe: true,
  ...over,
});
const table = (oid: number, over: Partial<SourceTable> = {}): SourceTable => ({
  oid,
  schema: 'public',
  name: `t${oid}`,
  kind: 'ordinary',
  rootOid: oid,
  compressedOid: null,
  chunkStatus: null,
  into: null,
  bytes: 8192 * 100,
  rows: 1000,
  pages: 100,
  hasIdentity: true,
  givesIdentity: true,
  partOf: [],
  columns: [column('id'), column('Naïve "x"')],
  ...over,
});

describe('parts of tables', () => {
  test('cover every page once, the last without an end, the biggest first', () => {
    const parts = planParts([table(1), table(2, { bytes: 8192, pages: 1 })], 8192 * 30, 150000, 100);
    const ranges = parts.filter((part) => part.table.oid === 1).map((part) => part.pages);
    expect(ranges).toEqual([
      { from: 0, to: 25 },
      { from: 25, to: 50 },
      { from: 50, to: 75 },
      { from: 75, to: null },
    ]);
    expect(parts.at(-1)).toMatchObject({ parts: 1, pages: null });
  });

  test('are whole tables where a page range would read the whole table anyway', () => {
    expect(planParts([table(1)], 8192, 130000, 100)).toHaveLength(1);
  });

  test('copy in binary form only when every column may', () => {
    const [part] = planParts([table(1)], 1e9, 150000, 1);
    if (!part) throw new Error('no part');
    expect(copyStatements(part, part.table, true)).toEqual({
      out: 'COPY "public"."t1" ("id", "Naïve ""x""") TO STDOUT WITH (FORMAT binary)',
      into: 'COPY "public"."t1" ("id", "Naïve ""x""") FROM STDIN WITH (FORMAT binary, FREEZE)',
    });
    const mixed = {
      ...part,
      table: table(1, { columns: [column('a', { binarySafe: false }), column('g', { generated: true })] }),
    };
    expect(copyStatements(mixed, mixed.table, false).out).toBe('COPY "public"."t1" ("a") TO STDOUT');
  });
});

describe('publications', () => {
  test('a partition tree goes by its root, and to inserts only when one partition has no identity', () => {
    const tables = [
      table(1, { kind: 'partitioned' }),
      table(2, { kind: 'partition', rootOid: 1 }),
      table(3, { kind: 'partition', rootOid: 1, hasIdentity: false }),
      table(4),
      table(5, { hasIdentity: false }),
      table(6, { kind: 'unlogged' }),
      table(7, { kind: 'foreign' }),
    ];
    const assigned = assignTables(tables, () => true);
    expect(assigned.all.map(({ oid }) => oid)).toEqual([4]);
    expect(assigned.inserts.map(({ oid }) => oid)).toEqual([1, 5]);
  });

  test('a root without a key that new partitions inherit goes to inserts, its partitions by name to the rest', () => {
    const root = { kind: 'partitioned', givesIdentity: false } as const;
    const tables = [table(1, root), table(2, { kind: 'partition', rootOid: 1 })];
    const assigned = assignTables(tables, () => true);
    expect(assigned.all.map(({ oid }) => oid)).toEqual([2]);
    expect(assigned.inserts.map(({ oid }) => oid)).toEqual([1]);
  });

  test('a root that is left out is published for a partition that is wanted', () => {
    const tables = [table(1, { kind: 'partitioned' }), table(2, { kind: 'partition', rootOid: 1 })];
    expect(assignTables(tables, ({ oid }) => oid === 2).all.map(({ oid }) => oid)).toEqual([1]);
  });
});

describe('the conditions of the cut-over', () => {
  const replay = {
    ...new LagMeter().report({ transactions: 0, rows: 0, lagSeconds: 0, drained: true }),
    caught_up: true,
  };
  const fine = {
    tablesTotal: 2,
    tablesLive: 2,
    damaged: [],
    schemaOpen: [],
    indexesOpen: 0,
    replay,
    caughtUpForMs: 60_000,
    troubles: [],
    writers: 0,
    quietForMs: 60_000,
  };

  test('lock it unless all hold', () => {
    expect(lockingGates(gatesOf(fine), false)).toEqual([]);
    for (const broken of [
      { tablesLive: 1 },
      { damaged: ['public.t'] },
      { schemaOpen: ['public.t'] },
      { caughtUpForMs: 1 },
      { caughtUpForMs: null },
      { troubles: [{ what: 'x' }] },
      { writers: 1 },
      { quietForMs: 0 },
    ]) {
      expect(lockingGates(gatesOf({ ...fine, ...broken }), false)).toHaveLength(1);
    }
  });

  test('writers do not matter when the source is frozen', () => {
    expect(lockingGates(gatesOf({ ...fine, writers: 3, quietForMs: 0 }), true)).toEqual([]);
    expect(lockingGates(gatesOf({ ...fine, tablesLive: 1 }), true)).toHaveLength(1);
  });

  test('a reason overrides all but a damaged table', () => {
    const gates = gatesOf({ ...fine, tablesLive: 1, writers: 3, damaged: ['public.t', 'public.u'] });
    const reason = { freezeSource: true, override: 'a reason' };
    expect(standingInTheWay(gates, reason)).toMatchObject([{ id: 'damaged' }]);
    expect(standingInTheWay(gates, reason)[0]?.detail).toContain('public.t, public.u');
    expect(standingInTheWay(gatesOf({ ...fine, tablesLive: 1 }), reason)).toEqual([]);
    expect(standingInTheWay(gates, { freezeSource: false, override: null })).toHaveLength(3);
  });
});

describe('progress', () => {
  const start = initialProgress({ migration_id: 'x', source: 's', target: 't', target_database: 'd' });
  const fold = (...events: Record<string, unknown>[]) => {
    let progress = start;
    for (const event of events) {
      progress = foldProgress(progress, { time: '2026-11-22T00:00:00.000Z', ...event } as unknown as EngineEvent);
    }
    return progress;
  };
  const plan = {
    type: 'plan',
    tables: [
      { relation: 'a', bytes: 100, rows: 1, parts: 1 },
      { relation: 'b', bytes: 300, rows: 1, parts: 1 },
    ],
    indexes_total: 3,
  };

  test('totals weigh tables by their size', () => {
    const progress = fold(
      plan,
      { type: 'table', relation: 'a', state: 'copied', bytes: 50, rows: 1, done: 1 },
      { type: 'table', relation: 'b', state: 'copying', bytes: 75, rows: 0, done: 0.5 },
    );
    expect(copyTotals(progress)).toEqual({ tables_total: 2, tables_done: 1, bytes_total: 400, bytes_done: 250 });
  });

  test('an error stays until the next phase, and for good when that is failed', () => {
    const error = { type: 'error', error: { code: 'TM3001', message: 'm', hint: 'h' } };
    expect(fold(error).error?.code).toBe('TM3001');
    expect(fold(error, { type: 'phase', phase: 'replay' }).error).toBeNull();
    expect(fold(error, { type: 'phase', phase: 'failed' }).error?.code).toBe('TM3001');
  });
});

describe('sizes', () => {
  test('are in powers of 1024', () => {
    expect(['10GB', '1 MiB', '5k', '1.5g', '123'].map(parseSize)).toEqual([
      10 * 1024 ** 3,
      1024 ** 2,
      5120,
      1.5 * 1024 ** 3,
      123,
    ]);
  });
  test.each(['', 'x', '0', '-1', '10 PB', '1e3'])('%j is refused', (text) => {
    expect(() => parseSize(text)).toThrow(/size/);
  });
});
