import { describe, expect, it } from 'vitest';
import { statusLines, statusOf } from '../../src/commands/status.ts';
import type { Progress } from '../../src/engine/progress.ts';
import { damagedTables } from '../../src/state/steps/engine.ts';
import { tableLines } from '../../src/state/table-order.ts';
import { attached, event, progress, reach } from './model-play.ts';

describe('the chunks of a hypertable', () => {
  const chunk = (at: number, over: Partial<Progress['tables'][string]> = {}) => ({
    [`_timescaledb_internal._hyper_1_${at}_chunk`]: {
      state: 'pending' as const,
      bytes_total: 100,
      bytes: 0,
      rows: 0,
      done: 0,
      since: null,
      ms: null,
      hypertable: 'public.metrics',
      ...over,
    },
  });
  const done = { state: 'copied', done: 1, rows: 10, bytes: 90 } as const;
  const of = (...chunks: Progress['tables'][]): Progress => ({ ...progress, tables: Object.assign({}, ...chunks) });
  const line = (...chunks: Progress['tables'][]) => tableLines(of(...chunks))[0];

  it('are those of its chunks together, in one line', () => {
    const half = of(chunk(1, done), chunk(2, { state: 'copying', done: 0.5, rows: 3 }), chunk(3), chunk(4));
    expect(tableLines(half)).toEqual([
      {
        relation: 'public.metrics',
        chunks: { total: 4, done: 1, damaged: 0 },
        table: { state: 'copying', bytes_total: 400, bytes: 90, rows: 13, done: 0.375, since: null, ms: null },
      },
    ]);
  });

  it('are in the state of the worst of them; between two chunks it is under way', () => {
    expect(line(chunk(1), chunk(2))?.table.state).toBe('pending');
    expect(line(chunk(1, done), chunk(2))?.table.state).toBe('copying');
    expect(line(chunk(1, done), chunk(2, { ...done, state: 'live' }))?.table).toMatchObject({
      state: 'copied',
      done: 1,
    });
    const broken = line(chunk(1, done), chunk(2, { ...done, state: 'damaged' }), chunk(3, { state: 'copying' }));
    expect(broken).toMatchObject({ table: { state: 'damaged' }, chunks: { total: 3, done: 1, damaged: 1 } });
  });

  it('can be opened to see them one by one, and closed from any of them', () => {
    const tables = of(chunk(1, done), chunk(2), { other: { ...line(chunk(1))?.table, state: 'damaged' } as never });
    const model = { ...attached, engine: { ...attached.engine, progress: tables } };
    const open = reach(model, { type: 'read', reader: 'tables' }, { type: 'move', by: 1 }, { type: 'toggle' });
    expect(open.opened).toEqual(['public.metrics']);
    expect(tableLines(tables, open.opened).map(({ relation }) => relation)).toEqual([
      'other',
      'public.metrics',
      '_timescaledb_internal._hyper_1_2_chunk',
      '_timescaledb_internal._hyper_1_1_chunk',
    ]);
    const closed = reach(open, { type: 'move', by: 2 }, { type: 'toggle' });
    expect(closed).toMatchObject({ opened: [], overlay: { kind: 'tables', scroll: 1 } });
    expect(reach(closed, { type: 'move', by: -1 }, { type: 'toggle' }).opened).toEqual([]);
  });

  it('stay its own through events that do not say so', () => {
    const told = reach(
      { ...attached, engine: { ...attached.engine, progress: of(chunk(1)) } },
      event({
        type: 'table',
        relation: '_timescaledb_internal._hyper_1_1_chunk',
        state: 'damaged',
        bytes: 1,
        rows: 1,
        done: 1,
      }),
      event({
        type: 'table',
        relation: 'new',
        hypertable: 'public.metrics',
        state: 'live',
        bytes: 1,
        rows: 1,
        done: 1,
      }),
    );
    expect(told.engine.progress && tableLines(told.engine.progress)).toMatchObject([
      { chunks: { total: 2, damaged: 1 } },
    ]);
    expect(damagedTables(told)).toEqual(['_timescaledb_internal._hyper_1_1_chunk (a chunk of public.metrics)']);
  });

  it('are one line of status, and one entry of its JSON; a damaged one is named with it', () => {
    const damage = { code: 'TM5001', reason: 'hit 0 rows', row: '(id) = (1)', lsn: '0/1' } as const;
    const told = of(chunk(1, done), chunk(2, { ...done, state: 'damaged', damage }));
    expect(statusOf(told, null)).toMatchObject({
      hypertables: [
        {
          hypertable: 'public.metrics',
          state: 'damaged',
          chunks_total: 2,
          chunks_done: 1,
          chunks_damaged: 1,
          rows: 20,
        },
      ],
      damaged: [{ table: '_timescaledb_internal._hyper_1_2_chunk', hypertable: 'public.metrics', code: 'TM5001' }],
    });
    const lines = statusLines(told, null);
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}public\.metrics: 1 of 2 chunks, 1 DAMAGED, 20 rows, /));
    expect(lines).toContainEqual(
      expect.stringMatching(/^DAMAGED _timescaledb_internal\._hyper_1_2_chunk \(a chunk of public\.metrics\): TM5001/),
    );
  });
});
