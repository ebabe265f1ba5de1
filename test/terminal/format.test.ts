import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatBytesShort,
  formatCount,
  formatMs,
  formatNumberOf,
  formatPercent,
  formatRate,
  formatSecondsLong,
} from '../../src/terminal/format.ts';
import { lagLine } from '../../src/terminal/lag-line.ts';

const MIB = 1024 ** 2;

describe('sizes, rates and durations', () => {
  it.each([
    [0, '0B'],
    [720, '720B'],
    [7 * 1024, '7KiB'],
    [56 * MIB, '56MiB'],
    [1023.7 * 1024, '1MiB'],
    [3 * 1024 ** 4, '3TiB'],
    [-5, '0B'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [0, '0B/s'],
    [106, '106.0B/s'],
    [751, '751.0B/s'],
    [589 * 1024, '589.0KiB/s'],
    [1023.96 * 1024, '1.0MiB/s'],
  ])('%d bytes a second are %s', (rate, text) => expect(formatRate(rate)).toBe(text));

  it('says a decimal only where it tells something', () => {
    expect([1.4 * MIB, 56 * MIB, 999].map(formatBytesShort)).toEqual(['1.4MiB', '56MiB', '999B']);
  });

  it('says durations in words and in letters', () => {
    expect(formatSecondsLong(98.631)).toBe('1 minute 38.631 seconds');
    expect([40, 300, 4_200, 38_000, 98_631, 7_261_000].map(formatMs)).toEqual([
      '40ms',
      '0.3s',
      '4.2s',
      '38s',
      '1m 38s',
      '2h 1m',
    ]);
  });

  it('never says 100% before the end', () => {
    expect([0, 0.004, 0.9999, 1].map(formatPercent)).toEqual(['0%', '0%', '99%', '100%']);
  });

  it('counts', () => {
    expect([0, 999, 1_000, 123_456, 4_500_000, 123_456_789].map(formatCount)).toEqual([
      '0',
      '999',
      '1.0k',
      '123k',
      '4.5M',
      '123M',
    ]);
    expect([formatNumberOf(1, 'warning'), formatNumberOf(2, 'index', 'indexes')]).toEqual(['1 warning', '2 indexes']);
  });
});

describe('the lag line', () => {
  it('has the words that operators know while it catches up', () => {
    expect(
      lagLine({
        caught_up: false,
        eta_seconds: 98.631,
        source_wal_rate: 106,
        target_replay_rate: 589 * 1024,
        lag_bytes: 56 * MIB,
      }),
    ).toBe(
      'Live-replay will complete in 1 minute 38.631 seconds (source_wal_rate: 106.0B/s, target_replay_rate: 589.0KiB/s, replay_lag: 56MiB)',
    );
  });

  it('has the words that operators know once it has caught up', () => {
    expect(
      lagLine({ caught_up: true, eta_seconds: 0, source_wal_rate: 751, target_replay_rate: 0, lag_bytes: 7 * 1024 }),
    ).toBe('Target has caught up with source (source_wal_rate: 751.0B/s, target_replay_rate: 0B/s, replay_lag: 7KiB)');
  });

  it('says so when it would never catch up', () => {
    expect(
      lagLine({
        caught_up: false,
        eta_seconds: null,
        source_wal_rate: 3 * MIB,
        target_replay_rate: 462 * 1024,
        lag_bytes: 73 * MIB,
      }),
    ).toBe(
      'Live-replay not keeping up with source load (source_wal_rate: 3.0MiB/s, target_replay_rate: 462.0KiB/s, replay_lag: 73MiB)',
    );
  });
});
