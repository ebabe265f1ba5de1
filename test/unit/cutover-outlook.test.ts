import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../src/commands/duration.ts';
import { gatesOf } from '../../src/engine/cutover/gates.ts';
import { outlookOf } from '../../src/engine/cutover/locked.ts';
import type { Phase } from '../../src/engine/events.ts';
import { LagMeter } from '../../src/engine/replay/lag.ts';
import { AUTOMATIC_CUTOVER, type Trouble } from '../../src/engine/troubles.ts';
import type { Lsn } from '../../src/postgres/lsn.ts';

const meter = new LagMeter();
for (const atMs of [0, 1000]) meter.add({ atMs, source: 5n as Lsn, received: 5n as Lsn, applied: 5n as Lsn });
const fine = {
  tablesTotal: 2,
  tablesLive: 2,
  damaged: [],
  schemaOpen: [],
  indexesOpen: 0,
  replay: meter.report({ transactions: 0, rows: 0, lagSeconds: 0, drained: true }),
  caughtUpForMs: 60_000,
  troubles: [],
  writers: 0,
  quietForMs: 60_000,
};
const trouble = (policy: 'retry' | 'operator', what = 'something'): Trouble => ({
  what,
  policy,
  since: '2026-11-22T00:00:00.000Z',
  code: 'TM1112',
  message: 'the disk is full',
  hint: 'Make room.',
});
const plain = { freezeSource: false, override: null };
const outlook = (broken: object, request = plain, troubles: Trouble[] = [], phase: Phase = 'replay') =>
  outlookOf({ phase, gates: gatesOf({ ...fine, troubles, ...broken }), troubles }, request);

describe('a cut-over that is asked for', () => {
  test.each([
    ['tables that are copied', { tablesLive: 1 }, 'copied'],
    ['replay that is behind', { caughtUpForMs: null }, 'caught-up'],
    ['aggregates that are filled', { aggregatesOpen: ['public.a'] }, 'aggregates'],
    ['an application that writes', { writers: 2 }, 'writers'],
  ])('waits for %s', (_, broken, id) => {
    expect(outlook(broken)).toMatchObject({ state: 'wait', ids: [id] });
  });

  test.each([
    ['a damaged table', { damaged: ['public.t'] }, /migrate --resync/],
    ['a table that was altered', { schemaOpen: ['public.t'] }, /statements/],
    ['a damaged table, whatever else is waited for', { damaged: ['public.t'], writers: 3 }, /--resync/],
  ])('is refused at once for %s', (_, broken, hint) => {
    const found = outlook(broken);
    expect(found).toMatchObject({ state: 'refuse', error: { code: 'TM6002' } });
    expect(found.state === 'refuse' ? found.error.hint : '').toMatch(hint);
  });

  test('waits for a trouble that time heals, not for one that somebody must mend', () => {
    expect(outlook({}, plain, [trouble('retry')])).toMatchObject({ state: 'wait', ids: ['healthy'] });
    const found = outlook({}, plain, [trouble('operator')]);
    expect(found).toMatchObject({ state: 'refuse', error: { hint: 'Make room.' } });
    expect(outlook({ troubles: [] }, plain, [trouble('operator', AUTOMATIC_CUTOVER)]).state).toBe('open');
  });

  test('begins when all hold, or when only writers stand in the way of a freeze, or with a reason', () => {
    expect(outlook({}).state).toBe('open');
    expect(outlook({ writers: 3 }, { ...plain, freezeSource: true }).state).toBe('open');
    const override = { freezeSource: false, override: 'a reason' } as unknown as typeof plain;
    expect(outlook({ writers: 3 }, override).state).toBe('open');
    expect(outlook({ damaged: ['public.t'] }, override).state).toBe('refuse');
  });

  test('waits for replay to begin, and not when it is over', () => {
    for (const phase of ['checks', 'snapshot', 'schema', 'copy'] as const) {
      expect(outlook({}, plain, [], phase)).toMatchObject({ state: 'wait', ids: [phase] });
    }
    for (const phase of ['cutover', 'failed', 'done'] as const) {
      expect(outlook({}, plain, [], phase).state).toBe('refuse');
    }
    expect(outlookOf({ phase: 'replay', gates: [], troubles: [] }, plain).state).toBe('wait');
  });

  test('the freeze is named first where the application writes', () => {
    const found = outlook({ writers: 1 });
    expect(found.state === 'wait' ? found.error.hint : '').toMatch(/^give --freeze-source, or stop the application/);
  });
});

describe('durations', () => {
  test.each([
    ['0', 0],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['250 ms', 250],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms));
  test.each(['', '5', 's', '-1s', '1d', '600h', 'NaN', '1e3s'])('%j is refused', (text) => {
    expect(() => parseDuration(text)).toThrow(/duration/);
  });
});
