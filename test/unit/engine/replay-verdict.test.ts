import { describe, expect, test } from 'vitest';
import { statusLines, statusOf } from '../../../src/commands/status.ts';
import { gatesOf } from '../../../src/engine/cutover/gates.ts';
import type { EngineEvent, EventPayload, ReplayReport } from '../../../src/engine/events.ts';
import { foldProgress, initialProgress, type Progress } from '../../../src/engine/progress.ts';
import { LagMeter } from '../../../src/engine/replay/lag.ts';
import type { Lsn } from '../../../src/postgres/lsn.ts';
import { lagLine } from '../../../src/terminal/lag-line.ts';

/** What the displays say of replay may not contradict what is known of it at that moment. */

const MIB = 1024 * 1024;
const COUNTED = { transactions: 3, rows: 5, lagSeconds: 1, drained: false };

/** A report after these samples: time in seconds, source and applied position in MiB. */
function reportOf(samples: [seconds: number, source: number, applied: number][], counted = {}): ReplayReport {
  const meter = new LagMeter();
  for (const [seconds, source, applied] of samples) {
    const at = (mib: number): Lsn => BigInt(Math.round(mib * MIB)) as Lsn;
    meter.add({ atMs: seconds * 1000, source: at(source), received: at(source), applied: at(applied) });
  }
  return meter.report({ ...COUNTED, ...counted });
}

const CAUGHT_UP = reportOf([
  [0, 100, 100],
  [1, 101, 101],
]);
const BEHIND = reportOf([
  [0, 100, 10],
  [1, 101, 20],
]);

const start = initialProgress({ migration_id: 'x', source: 's', target: 't', target_database: 'd' });
const TIME = '2026-11-22T00:00:00.000Z';
const fold = (...events: EventPayload[]): Progress =>
  events.reduce((progress, event) => foldProgress(progress, { ...event, time: TIME } as EngineEvent), start);

const trouble = (what: string, policy: 'retry' | 'operator' = 'retry'): EventPayload => ({
  type: 'retry',
  what,
  policy,
  error: { code: 'TM1109', message: 'it broke', hint: 'h' },
  retry_ms: 1000,
});
const healed = (what: string): EventPayload => ({ type: 'healed', what });
const replay = (report: ReplayReport): EventPayload => ({ type: 'replay', ...report });
const replaying: EventPayload = { type: 'phase', phase: 'replay' };
const gate = (id: string): EventPayload => ({ type: 'gate', id, title: `gate ${id}`, ok: true, detail: '' });
const GATES = ['copied', 'caught-up', 'healthy', 'damaged', 'writers'].map(gate);

/** What stops replay: nothing arrives, or nothing is applied. */
const STOPPING = [
  'the schema on the target',
  'applying changes to the target',
  'receiving changes from the source',
] as const;
/** Meanwhile the lag itself is not measured. */
const BLINDING = ['going on with the migration', 'watching the source'] as const;

const said = (progress: Progress): string => statusLines(progress, 1).join('\n');
const VERDICT = /caught up|will complete|not keeping up/;

describe('before two samples', () => {
  test.each([
    ['none', []],
    ['one, caught up', [[0, 100, 100]]],
    ['one, far behind', [[0, 500, 1]]],
    [
      'two at the same moment',
      [
        [1, 100, 50],
        [1, 200, 60],
      ],
    ],
  ] as [string, [number, number, number][]][])('%s: measuring, and no rate', (_, samples) => {
    const report = reportOf(samples);
    expect(report).toMatchObject({ caught_up: false, eta_seconds: null });
    expect(report).toMatchObject({ source_wal_rate: 0, target_replay_rate: 0 });
    expect(lagLine(report)).toContain('measuring');
    expect(lagLine(report)).not.toMatch(/_rate|caught up|not keeping up/);
  });

  test('two samples a second apart do not yet say that replay never catches up; five seconds do', () => {
    const still = (seconds: number) =>
      lagLine(
        reportOf([
          [0, 100, 10],
          [seconds, 101, 10],
        ]),
      );
    expect(still(1)).toContain('measuring');
    expect(still(5)).toContain('not keeping up');
  });

  test('replay ends no sooner than it can be seen', () => {
    const fast = reportOf(
      [
        [0, 100, 0],
        [1, 100, 99.5],
      ],
      { lagSeconds: null },
    );
    expect(fast.eta_seconds).toBe(1);
    expect(lagLine(fast)).not.toMatch(/millisecond/);
  });

  test('status says so, too', () => {
    expect(said(fold(replaying))).toContain('measuring');
    expect(said(fold(replaying))).not.toMatch(VERDICT);
  });
});

describe.each(STOPPING)('while replay does not go on (%s)', (what) => {
  const progress = fold(replaying, replay(CAUGHT_UP), ...GATES, trouble(what, 'operator'));

  test('a verdict from before does not stand, nor one that comes meanwhile', () => {
    for (const now of [
      progress,
      foldProgress(progress, { ...replay(CAUGHT_UP), time: TIME } as EngineEvent),
      foldProgress(progress, { ...replay(BEHIND), time: TIME } as EngineEvent),
    ]) {
      expect(now.replay).toMatchObject({ caught_up: false, eta_seconds: null });
      expect(statusOf(now, 1).replay.caught_up).toBe(false);
      expect(said(now)).not.toMatch(VERDICT);
      expect(lagLine(now.replay)).not.toMatch(VERDICT);
    }
  });

  test('no condition is ticked that rests upon replay', () => {
    const ticked = progress.gates.filter(({ ok }) => ok).map(({ id }) => id);
    expect(ticked).toEqual(['copied', 'damaged']);
    const gates = gatesOf({
      tablesTotal: 1,
      tablesLive: 1,
      damaged: [],
      schemaOpen: [],
      indexesOpen: 0,
      replay: CAUGHT_UP,
      caughtUpForMs: 60_000,
      troubles: [{ what }],
      writers: 0,
      quietForMs: 60_000,
    });
    expect(gates.filter(({ ok }) => !ok).map(({ id }) => id)).toEqual(['caught-up', 'healthy', 'writers']);
  });

  test('works again: measuring, until the next report', () => {
    const after = foldProgress(progress, { ...healed(what), time: TIME } as EngineEvent);
    expect(said(after)).toContain('measuring');
    expect(said(after)).not.toMatch(VERDICT);
    expect(after.gates.filter(({ ok }) => ok).map(({ id }) => id)).not.toContain('caught-up');
    const measured = foldProgress(after, { ...replay(CAUGHT_UP), time: TIME } as EngineEvent);
    expect(said(measured)).toContain('caught up');
  });
});

describe.each(BLINDING)('while nothing measures (%s)', (what) => {
  const progress = fold(replaying, replay(CAUGHT_UP), ...GATES, trouble(what));

  test('neither verdict, rate nor tick', () => {
    expect(progress.replay).toMatchObject({ caught_up: false, eta_seconds: null, source_wal_rate: 0 });
    expect(said(progress)).not.toMatch(VERDICT);
    const ticked = progress.gates.filter(({ ok }) => ok).map(({ id }) => id);
    expect(ticked).not.toContain('caught-up');
    expect(ticked).not.toContain('writers');
  });

  test('works again: the lag from before is not shown as if it were of now', () => {
    const after = foldProgress(progress, { ...healed(what), time: TIME } as EngineEvent);
    expect(said(after)).toContain('measuring');
    expect(said(after)).not.toMatch(/caught up|replay_lag/);
    expect(lagLine(after.replay)).not.toMatch(/caught up|replay_lag/);
  });
});

test('a trouble that has nothing to do with replay leaves its verdict', () => {
  const progress = fold(replaying, replay(CAUGHT_UP), trouble('taking in tables that were created meanwhile'));
  expect(said(progress)).toContain('caught up');
});

test('tables that are copied again: what was measured before says nothing', () => {
  const progress = fold(replaying, replay(CAUGHT_UP), ...GATES, { type: 'phase', phase: 'copy' }, replaying);
  expect(said(progress)).toContain('measuring');
  expect(progress.gates).toEqual([]);
});

test('writers are known only once what they wrote would have arrived', () => {
  const writers = (report: ReplayReport, quietForMs: number | null) =>
    gatesOf({
      tablesTotal: 1,
      tablesLive: 1,
      damaged: [],
      schemaOpen: [],
      indexesOpen: 0,
      replay: report,
      caughtUpForMs: null,
      troubles: [],
      writers: 0,
      quietForMs,
    }).find(({ id }) => id === 'writers')?.ok;
  expect(writers(CAUGHT_UP, 60_000)).toBe(true);
  expect(writers(CAUGHT_UP, null)).toBe(false);
  // A transaction that is still being applied shows no change, either.
  expect(writers(BEHIND, 60_000)).toBe(false);
});

test('a migration that is done has applied everything', () => {
  const progress = fold(replaying, replay(BEHIND), { type: 'phase', phase: 'done' });
  expect(statusOf(progress, null).replay).toMatchObject({ caught_up: true, lag_bytes: 0 });
});
