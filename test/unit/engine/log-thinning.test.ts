import { expect, test } from 'vitest';
import type { EngineEvent, EventPayload } from '../../../src/engine/events.ts';
import { logThinning } from '../../../src/engine/process/log-thinning.ts';

const at = (second: number, payload: EventPayload): EngineEvent => ({
  ...payload,
  time: new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString(),
});
const gate = (ok: boolean): EventPayload => ({ type: 'gate', id: 'caught-up', title: 'caught up', ok, detail: '' });
const spool: EventPayload = { type: 'spool', bytes: 1, free_bytes: 1 };

/** The seconds at which an event was let through. */
const passing = (of: (second: number) => EventPayload, seconds = 40): number[] => {
  const wants = logThinning();
  return Array.from({ length: seconds }, (_, second) => second).filter((second) => wants(at(second, of(second))));
};

test('figures every ten seconds', () => {
  expect(passing(() => spool)).toEqual([0, 10, 20, 30]);
});

test('conditions when they change', () => {
  expect(passing((second) => gate(second >= 7 && second !== 30))).toEqual([0, 7, 30, 31]);
});

test('a slot in danger and a table in another state at once', () => {
  const slot = (second: number): EventPayload => ({
    type: 'slot',
    name: 's',
    wal_status: second < 13 ? 'reserved' : 'unreserved',
    retained_bytes: second,
  });
  expect(passing(slot)).toEqual([0, 10, 13, 23, 33]);
  const table = (second: number): EventPayload => ({
    type: 'table',
    relation: 'public.t',
    state: second < 3 ? 'copying' : 'copied',
    bytes: 0,
    rows: 0,
    done: 0,
  });
  expect(passing(table, 5)).toEqual([0, 3]);
});

test('compression every ten seconds, and its end', () => {
  const compression = (second: number): EventPayload => ({
    type: 'compression',
    state: second < 14 ? 'running' : 'done',
    chunks_total: 15,
    chunks_done: second,
    chunks_held: 0,
    bytes_before: 0,
    bytes_after: 0,
    relation: null,
    chunk: null,
  });
  expect(passing(compression, 16)).toEqual([0, 10, 14]);
});

test('all else', () => {
  expect(passing(() => ({ type: 'warning', text: 'x' }), 3)).toEqual([0, 1, 2]);
});
