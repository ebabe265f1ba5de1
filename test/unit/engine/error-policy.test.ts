import { describe, expect, test, vi } from 'vitest';
import {
  backoffMs,
  explain,
  mayHeal,
  policyOf,
  ruleOf,
  sqlState,
  untilHealed,
} from '../../../src/engine/error-policy.ts';
import { RUNNING_RULES, ruleFor } from '../../../src/engine/error-rules.ts';
import type { EventPayload } from '../../../src/engine/events.ts';
import { ERROR_KINDS, type ErrorKind } from '../../../src/errors/codes.ts';
import { MigrateError } from '../../../src/errors/migrate-error.ts';

const withCode = (code: string, message = 'failed') => Object.assign(new Error(message), { code });

describe('what time may heal', () => {
  test.for([
    '08006',
    '57P01',
    '57P03',
    '57P05',
    '25P03',
    '25P04',
    '53300',
    '53100',
    '40001',
    '40P01',
    '55P03',
    '25006',
    '57014',
  ])('SQLSTATE %s', (code) => expect(mayHeal(withCode(code))).toBe(true));

  test.for(['23505', '42P01', '22P02', '42501', '55000', 'XX000', '57000'])('not SQLSTATE %s', (code) =>
    expect(mayHeal(withCode(code))).toBe(false));

  test.for([
    'ECONNRESET',
    'ECONNREFUSED',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'EAI_AGAIN',
  ])('the network: %s', (code) => expect(mayHeal(withCode(code))).toBe(true));

  test.for([
    'Connection terminated unexpectedly',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
  ])('node-postgres: %s', (message) => expect(mayHeal(new Error(message))).toBe(true));

  test.for(['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE'])('this machine, once somebody acts: %s', (code) => {
    expect(mayHeal(withCode(code))).toBe(true);
    expect(policyOf(withCode(code))).toBe('operator');
  });

  test('not a file system that fails, nor anything unknown', () => {
    expect(mayHeal(withCode('EIO'))).toBe(false);
    expect(mayHeal(new TypeError('x is undefined'))).toBe(false);
    expect(mayHeal('text')).toBe(false);
  });

  test('our own errors by their policy, and servers that can’t be reached', () => {
    const ours = (code: ConstructorParameters<typeof MigrateError>[0]) => new MigrateError(code, { message: '' });
    for (const code of ['TM1109', 'TM1110', 'TM4001', 'TM4007', 'TM5003', 'TM1101', 'TM1102', 'TM1103'] as const) {
      expect(mayHeal(ours(code)), code).toBe(true);
    }
    for (const code of ['TM1104', 'TM2003', 'TM4002', 'TM4004', 'TM5001', 'TM5002', 'TM9001'] as const) {
      expect(mayHeal(ours(code)), code).toBe(false);
    }
  });
});

describe('the table of rules', () => {
  test('names each error once', () => {
    const all = RUNNING_RULES.flatMap(({ on }) => on);
    expect(all.filter((code, at) => all.indexOf(code) !== at)).toEqual([]);
  });

  test('has every error of ours that is to be tried again, and none that ends the engine for good', () => {
    const kinds = Object.entries<ErrorKind>(ERROR_KINDS);
    const retried = kinds.filter(([, { policy }]) => policy === 'retry').map(([code]) => code);
    expect(retried.filter((code) => !ruleFor(code))).toEqual([]);
    for (const code of ['TM4002', 'TM4004', 'TM4006', 'TM9001', 'TM1104']) expect(ruleFor(code), code).toBeUndefined();
  });

  test.for([
    ['53100', 'operator', 'TM1112'],
    ['25006', 'operator', 'TM1113'],
    ['53300', 'retry', 'TM1110'],
    ['72000', 'retry', 'TM1111'],
    ['40P01', 'retry', undefined],
    ['08006', 'retry', undefined],
  ] as const)('SQLSTATE %s: %s', ([state, policy, code]) => {
    expect(ruleOf(withCode(state))).toMatchObject({ policy, ...(code ? { code } : {}) });
  });

  test('a right that is missing ends the engine, but not replay, where it was there once', () => {
    const bare = withCode('42501');
    const wrapped = new MigrateError('TM5002', { message: 'refused', cause: bare });
    for (const error of [bare, wrapped]) {
      expect(ruleOf(error)).toBeUndefined();
      expect(ruleOf(error, RUNNING_RULES)).toMatchObject({ policy: 'operator', code: 'TM1212' });
    }
    expect(ruleOf(new MigrateError('TM5002', { message: 'refused', cause: withCode('23505') }), RUNNING_RULES)).toBe(
      undefined,
    );
  });
});

describe('an error explained', () => {
  const as = {
    code: 'TM5002',
    retryCode: 'TM5003',
    side: 'target',
    object: 'public.t',
    doing: 'insert failed',
    hint: 'Do this.',
  } as const;

  test('says what was done, what the server said, and its detail', () => {
    const error = Object.assign(withCode('23505', 'duplicate key'), { detail: 'Key (id)=(1) already exists.' });
    expect(explain(error, as).report()).toEqual({
      code: 'TM5002',
      side: 'target',
      object: 'public.t',
      message: 'insert failed: duplicate key (Key (id)=(1) already exists.)',
      hint: 'Do this.',
    });
  });

  test('is one to try again when time may heal it, without the hint for the other', () => {
    const explained = explain(withCode('40P01', 'deadlock detected'), as);
    expect(explained.code).toBe('TM5003');
    expect(explained.hint).not.toBe('Do this.');
  });

  test('stays what it is when it is ours', () => {
    const ours = new MigrateError('TM4002', { message: 'gone' });
    expect(explain(ours, as)).toBe(ours);
  });

  test('SQLSTATEs are told from other codes', () => {
    expect(sqlState(withCode('42P01'))).toBe('42P01');
    for (const code of ['ENOSPC', 'EPIPE', 'EPERM', 'EBUSY']) expect(sqlState(withCode(code)), code).toBeNull();
    expect(sqlState(new Error('x'))).toBeNull();
    expect(sqlState(null)).toBeNull();
  });
});

describe('how long to wait', () => {
  const middle = () => 0.5;

  test('half a second, then twice as long each time, thirty seconds at the most', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 1000].map((attempt) => backoffMs(attempt, middle))).toEqual([
      500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000,
    ]);
  });

  test('a tenth more or less', () => {
    expect(backoffMs(1, () => 0)).toBe(450);
    expect(backoffMs(1, () => 1)).toBe(550);
  });
});

describe('trying again', () => {
  const of = (signal = new AbortController().signal) => {
    const events: EventPayload[] = [];
    return {
      events,
      options: { what: 'working', side: 'target', emit: (event: EventPayload) => events.push(event), signal } as const,
    };
  };

  test('ends with what does not heal', async () => {
    const { events, options } = of();
    await expect(untilHealed(() => Promise.reject(withCode('23505')), options)).rejects.toMatchObject({
      code: '23505',
    });
    expect(events).toEqual([]);
  });

  test('goes on until it succeeds, saying each time why; getting going starts the count anew', async () => {
    const { events, options } = of();
    const waits = vi.spyOn(Math, 'random').mockReturnValue(0);
    let attempts = 0;
    const result = await untilHealed((healthy) => {
      attempts += 1;
      if (attempts === 2) healthy();
      return attempts < 3 ? Promise.reject(withCode('EPIPE', 'broken')) : Promise.resolve('done');
    }, options);
    waits.mockRestore();
    expect(result).toBe('done');
    const error = expect.objectContaining({ code: 'TM1109', message: 'working: broken' });
    expect(events).toEqual([
      { type: 'retry', what: 'working', policy: 'retry', error, retry_ms: 450 },
      { type: 'healed', what: 'working' },
      { type: 'retry', what: 'working', policy: 'retry', error, retry_ms: 450 },
      { type: 'healed', what: 'working' },
    ]);
  });

  test('what somebody must see to is looked at every five seconds, with what to do', async () => {
    const { events, options } = of();
    const ending = new AbortController();
    const refused = new MigrateError('TM5002', { message: 'no', hint: 'End.', cause: withCode('42501') });
    const trying = untilHealed(() => Promise.reject(refused), {
      ...options,
      signal: ending.signal,
      rules: RUNNING_RULES,
    });
    await vi.waitUntil(() => events.length === 1);
    ending.abort();
    await expect(trying).rejects.toMatchObject({ name: 'AbortError' });
    const error = { code: 'TM1212', message: 'no', hint: expect.stringContaining('Give the right back') };
    expect(events).toEqual([
      { type: 'retry', what: 'working', policy: 'operator', error: expect.objectContaining(error), retry_ms: 5000 },
    ]);
  });

  test('stops when the signal aborts while it waits', async () => {
    const ending = new AbortController();
    const { events, options } = of(ending.signal);
    const trying = untilHealed(() => Promise.reject(withCode('08006')), options);
    await vi.waitUntil(() => events.length === 1);
    ending.abort();
    await expect(trying).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('does not try again once the signal has aborted', async () => {
    const { events, options } = of(AbortSignal.abort());
    await expect(untilHealed(() => Promise.reject(withCode('08006')), options)).rejects.toMatchObject({
      code: '08006',
    });
    expect(events).toEqual([]);
  });
});
