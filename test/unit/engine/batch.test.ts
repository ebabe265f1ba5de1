import { describe, expect, test } from 'vitest';
import { Batch } from '../../../src/engine/apply/batch.ts';
import type { BoundTable } from '../../../src/engine/apply/bound-table.ts';
import { appliesTo } from '../../../src/engine/sync/table-states.ts';
import type { Lsn } from '../../../src/postgres/lsn.ts';
import { inserted, plain } from './tuples.ts';

const at = (value: number): Lsn => BigInt(value) as Lsn;
const TABLE = { display: 'public.t' } as BoundTable;
const reached = (end: number) => ({ lsn: at(end), position: { segment: 0, block: 0, offset: end } });
const row = (value: string) => ({ table: TABLE, change: inserted(value), commitLsn: at(1) });
const truncate = {
  kind: 'truncate',
  tables: [TABLE],
  cascade: false,
  restartIdentity: false,
  partly: false,
  commitLsn: at(1),
} as const;

/** Steps as text: `rows 1 2`, `truncate`. */
const steps = (batch: Batch) =>
  batch.steps.map((step) =>
    step.kind === 'rows'
      ? `rows ${step.changes.map(({ change }) => (change.kind === 'insert' ? plain(change.tuple)[0] : '')).join(' ')}`
      : step.kind,
  );

describe('a batch', () => {
  test('joins rows that follow each other, over transactions', () => {
    const batch = new Batch();
    batch.addRow(row('1'), 10);
    batch.commit(reached(100));
    batch.addRow(row('2'), 20);
    batch.addStep(truncate);
    batch.addRow(row('3'), 30);
    batch.commit(reached(200));
    expect(steps(batch)).toEqual(['rows 1 2', 'truncate', 'rows 3']);
    expect(batch).toMatchObject({ changes: 4, bytes: 60, transactions: 2, reached: reached(200) });
  });

  test('is split at its last commit', () => {
    const batch = new Batch();
    batch.addRow(row('1'), 10);
    batch.messages.push('a');
    batch.commit(reached(100));
    batch.addRow(row('2'), 20);
    batch.messages.push('b');
    batch.addStep(truncate);
    batch.addRow(row('3'), 30);
    const rest = batch.splitAtCommit();
    expect(steps(batch)).toEqual(['rows 1']);
    expect(batch).toMatchObject({ changes: 1, bytes: 10, transactions: 1, reached: reached(100), messages: ['a'] });
    expect(steps(rest)).toEqual(['rows 2', 'truncate', 'rows 3']);
    expect(rest).toMatchObject({ changes: 3, bytes: 50, transactions: 0, reached: null, messages: ['b'] });
  });

  test('is split between steps', () => {
    const batch = new Batch();
    batch.addRow(row('1'), 10);
    batch.addStep(truncate);
    batch.commit(reached(100));
    batch.addRow(row('2'), 10);
    const rest = batch.splitAtCommit();
    expect([steps(batch), steps(rest)]).toEqual([['rows 1', 'truncate'], ['rows 2']]);
  });

  test('with nothing behind its commit leaves nothing', () => {
    const batch = new Batch();
    batch.addRow(row('1'), 10);
    batch.commit(reached(100));
    const rest = batch.splitAtCommit();
    expect([steps(batch), steps(rest)]).toEqual([['rows 1'], []]);
    expect(rest).toMatchObject({ changes: 0, bytes: 0 });
  });

  test('of a transaction that wrote nothing here has only its end', () => {
    const batch = new Batch();
    batch.commit(reached(100));
    expect(batch).toMatchObject({ steps: [], changes: 0, transactions: 1, reached: reached(100) });
  });
});

describe('whether a change applies to a table', () => {
  const copied = { copyRows: true, copyLsn: at(100), state: 'copied' } as const;

  test('a commit before the copy’s position is in the copy', () => {
    expect(appliesTo(copied, at(99))).toBe(false);
  });

  test('a commit right at it is not', () => {
    expect(appliesTo(copied, at(100))).toBe(true);
    expect(appliesTo(copied, at(101))).toBe(true);
  });

  test('nothing applies to a table that is not copied, or never will be', () => {
    expect(appliesTo({ ...copied, copyLsn: null }, at(100))).toBe(false);
    expect(appliesTo({ ...copied, copyRows: false }, at(100))).toBe(false);
  });

  test('nothing applies to a table that is damaged, or waits for another copy', () => {
    for (const state of ['damaged', 'pending', 'copying'] as const) {
      expect(appliesTo({ ...copied, state }, at(100))).toBe(false);
    }
    expect(appliesTo({ ...copied, state: 'live' }, at(100))).toBe(true);
  });
});
