import { describe, expect, test } from 'vitest';
import { AutomaticCutover } from '../../../src/engine/cutover/automatic.ts';
import { MigrateError } from '../../../src/errors/migrate-error.ts';

const failure = (message: string, object = 'public.t') =>
  new MigrateError('TM6005', { side: 'target', object, message, hint: 'Repair it.' });
const firm = (error: MigrateError) => ({ error, mayHeal: false });

describe('an automatic cut-over', () => {
  test('is not tried again after the same failure twice, and says what to do', () => {
    const automatic = new AutomaticCutover();
    expect(automatic.mayTry(0, 's')).toBe(true);
    expect(automatic.failed(firm(failure('3 rows refused')), 0, 's')).toBeNull();
    expect(automatic.mayTry(9_999, 's')).toBe(false);
    expect(automatic.mayTry(10_000, 's')).toBe(true);
    expect(automatic.failed(firm(failure('4 rows refused')), 10_000, 's')).toMatchObject({
      type: 'retry',
      policy: 'operator',
      error: { code: 'TM6008', message: expect.stringContaining('TM6005 4 rows refused'), object: 'public.t' },
    });
    expect(automatic.mayTry(1e12, 's')).toBe(false);
  });

  test.each([
    ['another object', failure('refused', 'public.u')],
    ['another reason', failure('not valid')],
  ])('is tried again after %s', (_, second) => {
    const automatic = new AutomaticCutover();
    automatic.failed(firm(failure('refused')), 0, 's');
    expect(automatic.failed(firm(second), 10_000, 's')).toBeNull();
    expect(automatic.mayTry(30_000, 's')).toBe(true);
  });

  test('is tried again in another situation, and when somebody asked', () => {
    const automatic = new AutomaticCutover();
    const giveUp = () => [0, 1].map((at) => automatic.failed(firm(failure('refused')), at, 's'));
    expect(giveUp().at(-1)).not.toBeNull();
    expect(automatic.mayTry(2, 'other')).toBe(true);
    expect(giveUp().at(-1)).not.toBeNull();
    automatic.begin();
    expect(automatic.mayTry(2, 's')).toBe(true);
  });

  test('goes on where time heals, ever more rarely', () => {
    const automatic = new AutomaticCutover();
    let now = 0;
    const waits: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      expect(automatic.failed({ error: failure('refused'), mayHeal: true }, now, 's')).toBeNull();
      const from = now;
      while (!automatic.mayTry(now, 's')) now += 1000;
      waits.push(now - from);
    }
    expect(waits).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
  });
});
