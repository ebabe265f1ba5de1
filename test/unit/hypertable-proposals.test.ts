import { describe, expect, test } from 'vitest';
import { type Candidate, chunkInterval, propose } from '../../src/providers/hypertables/propose.ts';

const GIB = 1024 ** 3;
const DAY = 86_400;

const table = (name: string, over: Partial<Candidate> = {}): Candidate => ({
  schema: 'public',
  name,
  columns: ['time', 'seen'],
  bytes: 10 * GIB,
  rows: 1e8,
  inserted: 1e6,
  changed: 0,
  seconds: 100 * DAY,
  inFront: [],
  ...over,
});

describe('the interval of a chunk', () => {
  test.for([
    [GIB / DAY, '7 days'],
    [GIB / (7 * DAY), '30 days'],
    [(4 * GIB) / DAY, '1 day'],
    [(10 * GIB) / DAY, '12 hours'],
    [(1000 * GIB) / DAY, '1 hour'],
    [0, '7 days'],
  ] as const)('lets what arrives in it fill about a quarter of the memory: %d bytes a second, %s', ([
    rate,
    interval,
  ]) => {
    expect(chunkInterval(rate, 8 * GIB)).toBe(interval);
  });

  test('counts the newest chunks of all proposed tables together', () => {
    const big = table('big', { bytes: 100 * GIB });
    expect(propose([big], 8 * GIB).map(({ interval }) => interval)).toEqual(['7 days']);
    expect(propose([big, table('other', { bytes: 500 * GIB })], 8 * GIB).map(({ interval }) => interval)).toEqual([
      '1 day',
      '1 day',
    ]);
  });

  test('is 7 days where all rows have one time, or none', () => {
    expect(propose([table('m', { seconds: 0 }), table('n', { seconds: null })], GIB)).toMatchObject([
      { interval: '7 days' },
      { interval: '7 days' },
    ]);
  });
});

describe('how chunks may be compressed', () => {
  const segments = (over: Partial<Candidate>) =>
    propose([table('m', over)], 8 * GIB).map(({ compress }) => compress.segmentby);
  const device = { name: 'device', values: 5000 };
  const site = { name: 'site', values: 20 };

  test('is by the columns in front of the time of an index, when a chunk has many rows of each', () => {
    expect(segments({ inFront: [[device]] })).toEqual([['device']]);
    // 30 million rows a chunk.
    expect(segments({ inFront: [[{ name: 'visitor', values: 1_000_000 }]] })).toEqual([[]]);
    expect(segments({ inFront: [[{ name: 'unknown', values: null }]] })).toEqual([[]]);
    expect(segments({})).toEqual([[]]);
  });

  test('prefers the index that says more, as far as it fits', () => {
    expect(segments({ inFront: [[site], [site, { name: 'kind', values: 10 }], [site, device]] })).toEqual([
      ['site', 'kind'],
    ]);
  });

  test('waits longer the longer a chunk is', () => {
    const ages = [10, 50, 10_000].map(
      (size) => propose([table('m', { bytes: size * GIB })], 8 * GIB)[0]?.compress.after,
    );
    expect(ages).toEqual(['90 days', '30 days', '1 day']);
  });
});

describe('what is recommended', () => {
  test('is big and mostly inserted into; the biggest first', () => {
    const found = propose(
      [
        table('small', { bytes: 1024 }),
        table('updated', { changed: 1e6 }),
        table('events'),
        table('metrics', { bytes: 20 * GIB, changed: 5e4 }),
        table('never', { inserted: 0, changed: 0, bytes: GIB }),
      ],
      8 * GIB,
    );
    expect(found.map(({ name, recommended, why }) => [name, recommended, why])).toEqual([
      ['metrics', true, 'big; 5 % of its writes change rows'],
      ['events', true, 'big; 0 % of its writes change rows'],
      ['never', true, 'big; no writes counted'],
      ['updated', false, '50 % of its writes change rows'],
      ['small', false, 'small'],
    ]);
  });

  test('is partitioned by its first time that leads an index; without one it is none', () => {
    expect(propose([table('m'), table('n', { columns: [] })], GIB)).toMatchObject([{ name: 'm', column: 'time' }]);
  });
});
