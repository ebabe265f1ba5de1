import { describe, expect, test } from 'vitest';
import { statusLines } from '../../../src/commands/status.ts';
import type { EngineEvent } from '../../../src/engine/events.ts';
import {
  continuedProgress,
  copyTotals,
  foldProgress,
  initialProgress,
  type Progress,
} from '../../../src/engine/progress.ts';

const TIME = '2026-11-22T00:00:00.000Z';
const fold = (from: Progress, ...events: Record<string, unknown>[]) =>
  events.reduce<Progress>(
    (progress, event) => foldProgress(progress, { time: TIME, ...event } as unknown as EngineEvent),
    from,
  );
const plan = {
  type: 'plan',
  tables: [
    { relation: 'a', bytes: 100, rows: 1, parts: 1 },
    { relation: 'b', bytes: 300, rows: 1, parts: 1 },
  ],
  indexes_total: 3,
};
const earlier = {
  ...fold(
    initialProgress({ migration_id: 'x', source: 's', target: 't', target_database: 'd' }),
    plan,
    { type: 'table', relation: 'a', state: 'live', bytes: 1, rows: 1, done: 1 },
    { type: 'table', relation: 'b', state: 'live', bytes: 1, rows: 1, done: 1 },
    { type: 'phase', phase: 'replay' },
    { type: 'slot', name: 'kept', wal_status: 'extended', retained_bytes: 5 * 1024 ** 2 },
    { type: 'gate', id: 'caught-up', title: 'caught up', ok: true, detail: '' },
    { type: 'retry', what: 'x', policy: 'retry', error: { code: 'TM1109', message: 'm', hint: 'h' }, retry_ms: 1 },
  ),
  as_of: '2026-11-21T10:11:12.000Z',
};
const fails = [
  { type: 'error', error: { code: 'TM1114', side: 'source', message: 'none was given', hint: 'h' } },
  { type: 'phase', phase: 'failed' },
];

describe('the progress of a migration that is gone on with', () => {
  test('keeps what was known when the resume fails, twice, too', () => {
    const once = fold(continuedProgress(earlier), ...fails);
    for (const now of [once, fold(continuedProgress(once), ...fails)]) {
      expect(copyTotals(now)).toMatchObject({ tables_total: 2, tables_done: 2 });
      const said = statusLines(now, null).join('\n');
      expect(said).toContain('As of 2026-11-21 10:11:12 UTC:');
      expect(said).toContain('Slot kept: extended, 5MiB of WAL kept on the source');
    }
  });

  test('takes over nothing that only an engine that runs can say', () => {
    expect(continuedProgress(earlier)).toMatchObject({ phase: 'checks', gates: [], troubles: [], error: null });
    expect(continuedProgress(earlier).replay).toMatchObject({ verdict: 'unknown', caught_up: false });
  });

  test('is of now again as soon as the target was asked', () => {
    const now = fold(continuedProgress(earlier), plan);
    expect(now.as_of).toBeNull();
    expect(copyTotals(now)).toMatchObject({ tables_total: 2, tables_done: 2 });
    const [first] = plan.tables;
    expect(copyTotals(fold(continuedProgress(earlier), { ...plan, tables: [first] }))).toMatchObject({
      tables_total: 1,
    });
  });
});
