import { describe, expect, test } from 'vitest';
import { CAUGHT_UP_BYTES, LagMeter } from '../../../src/engine/replay/lag.ts';
import type { Lsn } from '../../../src/postgres/lsn.ts';

const at = (bytes: number): Lsn => BigInt(bytes) as Lsn;
const MIB = 1024 * 1024;
const COUNTED = { transactions: 3, rows: 5, lagSeconds: 1, drained: false };

/** A meter that has seen these samples: time in seconds, source and applied position in MiB. */
function meter(...samples: [seconds: number, source: number, applied: number][]): LagMeter {
  const made = new LagMeter();
  for (const [seconds, source, applied] of samples) {
    made.add({
      atMs: seconds * 1000,
      source: at(source * MIB),
      received: at(source * MIB),
      applied: at(applied * MIB),
    });
  }
  return made;
}

describe('the lag meter', () => {
  test('knows nothing before its first sample', () => {
    expect(new LagMeter().report(COUNTED)).toEqual({
      received_lsn: null,
      applied_lsn: null,
      lag_bytes: 0,
      lag_seconds: 1,
      source_wal_rate: 0,
      target_replay_rate: 0,
      eta_seconds: null,
      caught_up: false,
      transactions: 3,
      rows: 5,
    });
  });

  test('has no rates after one sample, and does not divide by zero', () => {
    for (const made of [meter([1, 100, 50]), meter([1, 100, 50], [1, 200, 60])]) {
      expect(made.report(COUNTED)).toMatchObject({ source_wal_rate: 0, target_replay_rate: 0, eta_seconds: null });
    }
  });

  test('tells rates, lag and when it will have caught up', () => {
    expect(meter([0, 100, 0], [2, 104, 20]).report(COUNTED)).toMatchObject({
      source_wal_rate: 2 * MIB,
      target_replay_rate: 10 * MIB,
      lag_bytes: 84 * MIB,
      eta_seconds: 84 / 8,
      received_lsn: '0/6800000',
      applied_lsn: '0/1400000',
      caught_up: false,
    });
  });

  test('never catches up when the source writes as fast', () => {
    expect(meter([0, 100, 0], [1, 110, 10]).report(COUNTED).eta_seconds).toBeNull();
    expect(meter([0, 100, 0], [1, 111, 10]).report(COUNTED).eta_seconds).toBeNull();
  });

  test('forgets what is older than ten seconds', () => {
    const made = meter([0, 0, 0], [1, 1000, 0]);
    for (let second = 2; second <= 20; second += 1) {
      made.add({ atMs: second * 1000, source: at(1000 * MIB), received: at(1000 * MIB), applied: at(0) });
    }
    expect(made.report(COUNTED).source_wal_rate).toBe(0);
  });

  test('after a long pause still compares with the sample before', () => {
    expect(meter([0, 0, 0], [100, 100, 100]).report(COUNTED).source_wal_rate).toBe(MIB);
  });

  test('positions that go back count as standing still', () => {
    expect(meter([0, 100, 100], [1, 90, 80]).report(COUNTED)).toMatchObject({
      source_wal_rate: 0,
      target_replay_rate: 0,
    });
    expect(meter([0, 100, 200]).report(COUNTED).lag_bytes).toBe(0);
  });

  test('is caught up with a fresh heartbeat and little or nothing left', () => {
    const close = meter([0, 100, 99.5], [1, 100, 99.5]);
    expect(close.report(COUNTED)).toMatchObject({ caught_up: true, eta_seconds: 0 });
    expect(close.report({ ...COUNTED, lagSeconds: null }).caught_up).toBe(false);
    expect(close.report({ ...COUNTED, lagSeconds: 15 }).caught_up).toBe(false);
    const far = meter([0, 100, 100 - CAUGHT_UP_BYTES / MIB], [1, 100, 100 - CAUGHT_UP_BYTES / MIB]);
    expect(far.report(COUNTED).caught_up).toBe(false);
    expect(far.report({ ...COUNTED, drained: true }).caught_up).toBe(true);
  });
});
