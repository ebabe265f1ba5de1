import { describe, expect, test } from 'vitest';
import { estimateCopySeconds } from '../../src/engine/copy/estimate.ts';
import { sessionsNeeded } from '../../src/engine/sessions-needed.ts';
import { DEFAULT_JOBS, jobsFor } from '../../src/engine/target/jobs.ts';

const auto = { tableJobs: null, indexJobs: null };

describe('sessions', () => {
  test('are 8 on the source and 12 on the target with the default jobs', () => {
    expect(sessionsNeeded(DEFAULT_JOBS)).toEqual({ source: 8, target: 12 });
  });

  test('grow with the jobs: one for each on the source, two for each table and one for each index on the target', () => {
    expect(sessionsNeeded({ tables: 1, indexes: 1 })).toEqual({ source: 5, target: 5 });
    expect(sessionsNeeded({ tables: 10, indexes: 3 })).toEqual({ source: 14, target: 25 });
  });

  test('of the jobs that are chosen by themselves are always free', () => {
    for (let free = 5; free < 60; free += 1) {
      const jobs = jobsFor({ source: free, target: free }, auto);
      expect(sessionsNeeded(jobs).source).toBeLessThanOrEqual(free);
      expect(sessionsNeeded(jobs).target).toBeLessThanOrEqual(free);
    }
  });
});

describe('jobs', () => {
  test('are as many as were asked for, whatever is free', () => {
    expect(jobsFor({ source: 1, target: 1 }, { tableJobs: 12, indexJobs: 3 })).toEqual({ tables: 12, indexes: 3 });
  });

  test('are the usual ones where there is room', () => {
    expect(jobsFor({ source: 90, target: 90 }, auto)).toEqual(DEFAULT_JOBS);
    expect(jobsFor({ source: 7, target: 90 }, auto)).toEqual({ tables: 1, indexes: 2 });
  });
});

test('a copy takes as long as its bytes at 25 MiB/s a job', () => {
  expect(estimateCopySeconds(100 * 1024 ** 2, 1)).toBe(4);
  expect(estimateCopySeconds(100 * 1024 ** 2, 4)).toBe(1);
});
