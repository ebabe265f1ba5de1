import { describe, expect, it } from 'vitest';
import type { EngineEvent, EventPayload } from '../../src/engine/events.ts';
import { createJsonPrinter, createLinePrinter, formatLine } from '../../src/terminal/line-printer.ts';
import { copySteps, cutoverSteps, replaySteps } from './scripted-migration.ts';

const START = Date.UTC(2026, 0, 2, 3, 4, 5);
const at = (payload: EventPayload, ms = 0): EngineEvent =>
  ({ ...payload, time: new Date(START + ms).toISOString() }) as EngineEvent;

function printed(events: readonly EngineEvent[]): string[] {
  const lines: string[] = [];
  const printer = createLinePrinter((text) => lines.push(text));
  for (const event of events) printer.print(event);
  return lines;
}

const copying = (done: number): EventPayload => ({
  type: 'table',
  relation: 'public.orders',
  state: 'copying',
  bytes: done * 1000,
  rows: done * 10,
  done,
});

const lag = (caughtUp: boolean): EventPayload => ({
  type: 'replay',
  received_lsn: '0/2',
  applied_lsn: '0/1',
  lag_bytes: 0,
  lag_seconds: 0,
  source_wal_rate: 0,
  target_replay_rate: 0,
  eta_seconds: 0,
  caught_up: caughtUp,
  transactions: 0,
  rows: 0,
});

describe('the line printer', () => {
  it('puts the time in front of every line', () => {
    expect(printed([at({ type: 'log', text: 'engine started' })])).toEqual(['03:04:05 engine started\n']);
  });

  it('thins out the progress of a table by the time of the events, and always prints its end', () => {
    const events = Array.from({ length: 100 }, (_, second) => at(copying(second / 100), second * 1000));
    const end = at({ ...copying(1), state: 'copied', ms: 100_000 } as EventPayload, 100_000);
    const lines = printed([...events, end]);
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toBe('03:05:45 Copied public.orders: 10 rows, 1000B in 1m 40s\n');
  });

  it('prints the lag line at once when replay turns, else every five seconds', () => {
    const turns = [false, false, true, true, true, false];
    expect(printed(turns.map((caughtUp, second) => at(lag(caughtUp), second * 1000)))).toHaveLength(3);
    expect(printed(Array.from({ length: 11 }, (_, second) => at(lag(true), second * 1000)))).toHaveLength(3);
  });

  it('prints a condition of the cut-over only when it turns', () => {
    const gate = (ok: boolean): EventPayload => ({ type: 'gate', id: 'a', title: 'caught up', ok, detail: '' });
    expect(printed([at(gate(false)), at(gate(false)), at(gate(true)), at(gate(true))])).toEqual([
      '03:04:05 Cut-over condition not met: caught up\n',
      '03:04:05 Cut-over condition met: caught up\n',
    ]);
  });

  it('thins out the progress of compression, and prints its end', () => {
    const compression = (done: number, state: 'running' | 'done' | 'stopped'): EventPayload => ({
      type: 'compression',
      state,
      chunks_total: 30,
      chunks_done: done,
      chunks_held: done === 20 ? 2 : 0,
      bytes_before: done * 2 ** 20,
      bytes_after: done * 2 ** 10,
      relation: state === 'running' ? 'public.m' : null,
      chunk: state === 'running' ? 'public.chunk' : null,
    });
    const events = Array.from({ length: 21 }, (_, second) => at(compression(second, 'running'), second * 1000));
    expect(printed([...events, at(compression(21, 'stopped'), 21_000)])).toEqual([
      expect.stringContaining('Compressing 0 of 30 chunks, now one of public.m'),
      expect.stringContaining('Compressing 10 of 30 chunks, 10MiB → 10KiB, now one of public.m'),
      expect.stringContaining(
        'Compressing 20 of 30 chunks, 20MiB → 20KiB, 2 held by others and tried again, now one of public.m',
      ),
      expect.stringContaining('Compression has stopped: 21 of 30 chunks, 21MiB → 21KiB'),
    ]);
  });

  it('ends with the sentence that scripts look for', () => {
    const done = formatLine(at({ type: 'done', summary: ['2 tables'], downtime_ms: 3200 }));
    expect(done?.split('\n')).toEqual(['2 tables', 'Downtime: 3.2s', 'Migration successfully completed']);
  });

  it('says of an error what, where and what to do', () => {
    const error = { code: 'TM1104', message: 'wrong password', side: 'source', hint: 'Type it again.' } as const;
    expect(formatLine(at({ type: 'error', error }))).toBe('TM1104 source: wrong password\n  → Type it again.');
  });

  it('has words for all that a migration says', () => {
    const replay = replaySteps();
    const steps: EventPayload[][] = [
      ...copySteps(),
      ...Array.from({ length: 30 }, () => replay.next().value ?? []),
      ...cutoverSteps(),
    ];
    const lines = printed(steps.flatMap((step, second) => step.map((payload) => at(payload, second * 500))));
    expect(lines.join('')).not.toMatch(/undefined|NaN|\[object/);
    expect(lines.join('')).toContain('Target has caught up with source');
  });
});

it('the JSON printer prints one object a line, with type and time', () => {
  const lines: string[] = [];
  const printer = createJsonPrinter((text) => lines.push(text));
  printer.print(at({ type: 'warning', text: 'two\nlines' }));
  expect(lines).toEqual(['{"type":"warning","text":"two\\nlines","time":"2026-01-02T03:04:05.000Z"}\n']);
});
