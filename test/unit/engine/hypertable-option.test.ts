import { describe, expect, test } from 'vitest';
import { slicesOf } from '../../../src/engine/timescale/chunks-of-rows.ts';
import type { Dimension } from '../../../src/engine/timescale/dimensions.ts';
import { formatHypertable, parseHypertable } from '../../../src/engine/timescale/hypertable-option.ts';

describe('--hypertable', () => {
  test.for([
    ['public.metrics=time,7 days', { column: 'time', interval: '7 days', hash: null }],
    ['metrics=time', { column: 'time', interval: null, hash: null }],
    [
      'public.metrics=time,7 days,hash:device_id:4',
      { interval: '7 days', hash: { column: 'device_id', partitions: 4 } },
    ],
    ['public.metrics=time,hash:device_id:4', { interval: null, hash: { column: 'device_id', partitions: 4 } }],
    ['Public.Metrics = n , 100000', { schema: 'public', name: 'metrics', column: 'n', interval: '100000' }],
    [
      '"A.b"."x=""y"="When, now",1 day,hash:"D:e":2',
      { schema: 'A.b', name: 'x="y', column: 'When, now', hash: { column: 'D:e', partitions: 2 } },
    ],
    ['m=time,compress:30 days', { interval: null, compress: { after: '30 days', segmentby: [] } }],
    [
      'm=time,1 day,hash:a:2,compress: 1 week :segmentby=Device + "a+b" + x',
      { interval: '1 day', hash: { column: 'a' }, compress: { after: '1 week', segmentby: ['device', 'a+b', 'x'] } },
    ],
    ['m=time,7 days', { compress: null }],
  ] as const)('reads %s', ([text, wanted]) => {
    const read = parseHypertable(text);
    expect(read).toMatchObject(wanted);
    expect(read && parseHypertable(formatHypertable(read))).toEqual(read);
  });

  test.for([
    'metrics',
    'public.metrics=',
    'a.b.c=time',
    'm=time,1 day,hash:x',
    'm=time,1 day,hash:x:0',
    'm=time,1 day,2 days',
    'm=time,compress:',
    'm=time,compress:1 day,hash:a:2',
    'm=time,compress:1 day:segmentby=',
    'm=time,compress:1 day:segmentby=a,b',
    'm=time,compress:1 day:orderby=a',
  ])('does not read %s', (text) => {
    expect(parseHypertable(text)).toBeNull();
  });
});

describe('boundaries of chunks', () => {
  const plain = { function: null, integerNow: null } as const;
  const time: Dimension = { column: 'time', interval: '604800000000', partitions: null, ...plain };
  const hash: Dimension = { column: 'dev "1"', interval: null, partitions: 3, ...plain };

  // As show_chunk of TimescaleDB 2.23.1 tells those of rows of 2026-01-03 and 1969-01-03.
  test('are whole intervals from 1970, before it too', () => {
    expect(slicesOf([time], [2922n, -52n])).toEqual([
      '{"time": [1767225600000000, 1767830400000000]}',
      '{"time": [-31449600000000, -30844800000000]}',
    ]);
  });

  test('are equal parts of all hashes, the first and the last without an end', () => {
    expect(slicesOf([time, hash], [2922n]).map((slice) => slice.replace(/^.*?\], /, ''))).toEqual([
      '"dev \\"1\\"": [-9223372036854775808, 715827882]}',
      '"dev \\"1\\"": [715827882, 1431655764]}',
      '"dev \\"1\\"": [1431655764, 9223372036854775807]}',
    ]);
  });

  test('near the end of all numbers are left to the server', () => {
    expect(slicesOf([{ ...time, interval: '1000' }], [9223372036854775n])).toEqual([]);
  });
});
