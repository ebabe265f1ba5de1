import { describe, expect, test } from 'vitest';
import { judgeLife, lifeBySize, lifeByTimeout, walRate } from '../../src/providers/common/slot-life.ts';

const MIB = 1024 ** 2;

describe('the rate of WAL to reckon with', () => {
  test('is the higher of now and the average', () => {
    expect(walRate(5 * MIB, 3 * MIB)).toBe(5 * MIB);
    expect(walRate(2 * MIB, 3 * MIB)).toBe(3 * MIB);
  });

  test('is 1 MiB/s at least, also where nothing is known', () => {
    expect(walRate(100, 200)).toBe(MIB);
    expect(walRate(null, null)).toBe(MIB);
  });
});

describe('how long a slot lives without its engine', () => {
  test('is enough beyond a day and ten times the copy', () => {
    expect(judgeLife(86_401, 8_640)).toBe('pass');
    expect(judgeLife(86_401, 8_641)).toBe('warn');
    expect(judgeLife(86_400, 1)).toBe('warn');
  });

  test('is too short below a minute', () => {
    expect(judgeLife(60, 1)).toBe('warn');
    expect(judgeLife(59.9, 1)).toBe('fail');
  });

  test('is told against the rate and the copy', () => {
    expect(lifeBySize({ shown: '1GB', bytes: 1024 * MIB }, 3.4 * MIB, 41 * 60)).toEqual({
      status: 'warn',
      found:
        'max_slot_wal_keep_size = 1GB: at 3.4 MiB/s of WAL the slot is lost after about 5 min without its engine; the copy takes 41 min',
    });
    expect(lifeBySize({ shown: '64MB', bytes: 64 * MIB }, 20 * MIB, 41 * 60).status).toBe('fail');
    expect(lifeBySize({ shown: '1TB', bytes: 1024 ** 4 }, 3.4 * MIB, 41 * 60).status).toBe('pass');
  });

  test('says when it reckons with more than was measured', () => {
    expect(lifeBySize({ shown: '1GB', bytes: 1024 * MIB }, walRate(0, 0), 3)).toEqual({
      status: 'warn',
      found:
        'max_slot_wal_keep_size = 1GB: at 1.0 MiB/s of WAL (less was measured, but nightly batches write more) the slot is lost after about 17 min without its engine; the copy takes 3 s',
    });
  });

  test('may be limited by a time', () => {
    expect(lifeByTimeout({ shown: '6h', seconds: 6 * 3600 }, 41 * 60)).toEqual({
      status: 'warn',
      found:
        'idle_replication_slot_timeout = 6h: the slot is lost when its engine is stopped for longer; the copy takes 41 min',
    });
    expect(lifeByTimeout({ shown: '30s', seconds: 30 }, 60).status).toBe('fail');
    expect(lifeByTimeout({ shown: '7d', seconds: 7 * 86_400 }, 3600).status).toBe('pass');
  });
});
