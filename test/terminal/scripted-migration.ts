import type { EventPayload } from '../../src/engine/events.ts';
import { INDEXES, TABLES } from './shop.ts';

const MIB = 1024 ** 2;
const STEP_SECONDS = 0.5;
const COPY_MIB_A_STEP = 3;

const GATES = [
  ['caught-up', 'caught up for a minute'],
  ['no-writers', 'no other write transaction'],
  ['counters', 'row counters unchanged'],
  ['nothing-failed', 'nothing has failed'],
] as const;

const replay = (of: {
  lag: number;
  sourceRate: number;
  replayRate: number;
  caughtUp: boolean;
  rows: number;
}): EventPayload => {
  const applied = 0x5a_0000_0000 + of.rows * 120;
  const hex = (value: number): string =>
    `${Math.floor(value / 2 ** 32).toString(16)}/${(value % 2 ** 32).toString(16)}`.toUpperCase();
  const net = of.replayRate - of.sourceRate;
  return {
    type: 'replay',
    received_lsn: hex(Math.round(applied + of.lag)),
    applied_lsn: hex(applied),
    lag_bytes: of.lag,
    lag_seconds: of.lag / Math.max(1, of.sourceRate),
    source_wal_rate: of.sourceRate,
    target_replay_rate: of.replayRate,
    eta_seconds: of.caughtUp ? 0 : net > 0 ? of.lag / net : null,
    caught_up: of.caughtUp,
    transactions: Math.floor(of.rows / 12),
    rows: of.rows,
  };
};

/** Checks to the end of the copy, in steps of half a second; four tables at a time. */
export function* copySteps(): Generator<EventPayload[]> {
  yield [
    { type: 'phase', phase: 'checks' },
    { type: 'log', text: 'engine started' },
  ];
  yield [
    { type: 'phase', phase: 'snapshot' },
    { type: 'log', text: 'publications tiger_migrate_rows and tiger_migrate_inserts created' },
    { type: 'snapshot', slot: 'tiger_migrate_shop', lsn: '5A/0', tables: TABLES.length },
    { type: 'slot', name: 'tiger_migrate_shop', wal_status: 'reserved', retained_bytes: MIB },
  ];
  yield [
    { type: 'phase', phase: 'schema' },
    { type: 'log', text: 'schema restored on the target' },
    { type: 'warning', text: 'role reporting: the target refused NOSUPERUSER; left as it is' },
  ];
  yield [
    { type: 'phase', phase: 'copy' },
    {
      type: 'plan',
      tables: TABLES.map(([relation, mib, rows]) => ({ relation, bytes: mib * MIB, rows, parts: 1 })),
      indexes_total: INDEXES.length,
    },
  ];
  const copied = new Map<string, number>();
  let waiting = [...TABLES];
  let spool = 0;
  while (waiting.length > 0) {
    const events: EventPayload[] = [];
    for (const [relation, mib, rows] of waiting.slice(0, 4)) {
      const done = Math.min(1, ((copied.get(relation) ?? 0) + COPY_MIB_A_STEP) / mib);
      copied.set(relation, done * mib);
      const state = done === 1 ? 'copied' : 'copying';
      const ms = Math.max(80, mib * 170);
      events.push({
        type: 'table',
        relation,
        state,
        bytes: Math.round(done * mib * MIB * 0.9),
        rows: Math.round(done * rows),
        done,
        ...(done === 1 ? { ms } : {}),
      });
      if (done < 1) continue;
      events.push({ type: 'log', text: `copied ${relation}` });
      for (const [table, name] of INDEXES) {
        if (table === relation) events.push({ type: 'index', relation: table, name, state: 'building' });
      }
    }
    waiting = waiting.filter(([relation, mib]) => (copied.get(relation) ?? 0) < mib);
    spool += 0.7 * MIB;
    events.push({ type: 'spool', bytes: spool, free_bytes: 20 * 1024 * MIB });
    events.push({ type: 'slot', name: 'tiger_migrate_shop', wal_status: 'reserved', retained_bytes: spool + MIB });
    yield events;
  }
  yield INDEXES.map(([relation, name]) => ({ type: 'index', relation, name, state: 'done', ms: 900 }));
}

/** Replay: works the backlog off, catches up, ticks the gates, then goes on until nobody asks any more. */
export function* replaySteps(): Generator<EventPayload[]> {
  yield [
    { type: 'phase', phase: 'replay' },
    ...TABLES.map(
      ([relation, mib, rows]): EventPayload => ({
        type: 'table',
        relation,
        state: 'live',
        bytes: Math.round(mib * MIB * 0.9),
        rows,
        done: 1,
      }),
    ),
    ...GATES.map(
      ([id, title]): EventPayload => ({
        type: 'gate',
        id,
        title,
        ok: id === 'nothing-failed',
        detail: id === 'nothing-failed' ? '' : 'not yet',
      }),
    ),
  ];
  let lag = 56 * MIB;
  for (let at = 0; ; at += 1) {
    const sourceRate = 380_000 + 120_000 * Math.sin(at / 3);
    const behind = lag > 64 * 1024;
    const replayRate = behind ? 6.5 * MIB : sourceRate;
    lag = behind ? Math.max(7 * 1024, lag - (replayRate - sourceRate) * STEP_SECONDS) : 7 * 1024 + (at % 5) * 2048;
    const events: EventPayload[] = [
      replay({ lag, sourceRate, replayRate, caughtUp: !behind, rows: 4_000 * at }),
      { type: 'spool', bytes: lag, free_bytes: 20 * 1024 * MIB },
      { type: 'slot', name: 'tiger_migrate_shop', wal_status: 'reserved', retained_bytes: lag + MIB },
    ];
    if (at === 4)
      events.push({ type: 'warning', text: 'public.events: trigger events_notify is ENABLE ALWAYS and fires' });
    if (!behind && at % 4 === 0) {
      const held = Math.min(60, at * 2);
      events.push(
        { type: 'gate', id: 'caught-up', title: GATES[0][1], ok: held >= 60, detail: `${held} of 60 seconds` },
        { type: 'gate', id: 'no-writers', title: GATES[1][1], ok: held >= 40, detail: held >= 40 ? '' : '3 writers' },
        { type: 'gate', id: 'counters', title: GATES[2][1], ok: held >= 50, detail: '' },
      );
    }
    yield events;
  }
}

/** From the fence to the end. */
export function* cutoverSteps(): Generator<EventPayload[]> {
  yield [{ type: 'phase', phase: 'cutover' }];
  const details = {
    fence: 'source is read-only, 3 sessions ended',
    drain: 'applied to 5A/1C0FFEE0',
    sequences: '9 sequences set',
    objects: '14 foreign keys, 2 views, 3 triggers',
    verify: '14 tables equal, 3,031,542 rows',
    report: 'written to the work directory',
  } as const;
  for (const [step, detail] of Object.entries(details) as [keyof typeof details, string][]) {
    yield [{ type: 'cutover', step, state: 'running', detail: '' }];
    yield [];
    yield [{ type: 'cutover', step, state: 'done', detail }];
  }
  yield [
    {
      type: 'done',
      summary: [
        '14 tables, 3,031,542 rows, 296 MiB',
        '41,302 row changes replayed',
        'verified: source and target are equal',
      ],
      downtime_ms: 3_200,
    },
    { type: 'phase', phase: 'done' },
  ];
}

/** Compression of old chunks after the end. */
export function* compressionSteps(chunks = 48): Generator<EventPayload[]> {
  const at = (done: number) => ({
    chunks_total: chunks,
    chunks_done: done,
    chunks_held: 0,
    bytes_before: done * 220 * MIB,
    bytes_after: done * 14 * MIB,
  });
  for (let done = 0; done < chunks; done += 1) {
    const chunk = `_timescaledb_internal._hyper_1_${done + 1}_chunk`;
    yield [{ type: 'compression', state: 'running', ...at(done), relation: 'public.metrics', chunk }];
  }
  yield [{ type: 'compression', state: 'done', ...at(chunks), relation: null, chunk: null }];
}
