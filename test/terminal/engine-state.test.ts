import { describe, expect, it } from 'vitest';
import { canCompressOn, compressionOf, isCompressing } from '../../src/state/compression.ts';
import { farewell } from '../../src/state/farewell.ts';
import { nextLock } from '../../src/state/gates.ts';
import type { Message } from '../../src/state/messages.ts';
import { initialModel, type Model } from '../../src/state/model.ts';
import { addSample, copyRate, secondsLeft, tableRate } from '../../src/state/rates.ts';
import { railStep } from '../../src/state/steps-of-rail.ts';
import { tableLines } from '../../src/state/table-order.ts';
import { footerKeys } from '../../src/ui/footer.tsx';
import { messageFor } from '../../src/ui/key-table.ts';
import { tablesFor } from '../../src/ui/keys/tables.ts';
import { attached, ERROR, event, insert, play, probed, progress, reach } from './model-play.ts';

describe('the engine', () => {
  it('moves the screen with its phases', () => {
    expect(attached.screen).toBe('dashboard');
    expect(railStep(attached)).toBe('Copy');
    const replaying = reach(attached, event({ type: 'phase', phase: 'replay' }));
    expect(railStep(replaying)).toBe('Replay');
    expect(reach(replaying, event({ type: 'phase', phase: 'cutover' })).screen).toBe('cutover');
    expect(reach(replaying, event({ type: 'phase', phase: 'done' })).screen).toBe('done');
  });

  it('keeps an error that it goes on after in sight', () => {
    const troubled = reach(attached, event({ type: 'error', error: ERROR }), event({ type: 'phase', phase: 'replay' }));
    expect(troubled.engine.trouble?.error).toEqual(ERROR);
    expect(reach(troubled, { type: 'dismiss-trouble' }).engine.trouble).toBeNull();
  });

  it('is heard in one go, as one thing after the other, and what was shown before stays', () => {
    const table = (relation: string, state: 'copying' | 'copied') =>
      ({ type: 'table', relation, state, bytes: 1, rows: 1, done: state === 'copied' ? 1 : 0 }) as const;
    const planned = reach(
      attached,
      event({
        type: 'plan',
        tables: [
          { relation: 'a', bytes: 1, rows: 1, parts: 1 },
          { relation: 'b', bytes: 1, rows: 1, parts: 1 },
        ],
        indexes_total: 0,
      }),
    );
    const before = structuredClone(planned.engine.progress);
    const messages = [table('a', 'copying'), table('a', 'copied'), table('b', 'copying')].map(event);
    const events = messages.flatMap((message) => (message.type === 'events' ? message.events : []));
    const atOnce = reach(planned, { type: 'events', events });
    expect(atOnce.engine.progress).toEqual(reach(planned, ...messages).engine.progress);
    expect(atOnce.engine.progress?.tables.a?.state).toBe('copied');
    expect(planned.engine.progress).toEqual(before);
  });

  it('is left running, and stopped only by a typed word', () => {
    expect(play(attached, { type: 'leave' })).toMatchObject({ model: { exit: 0 }, effects: [{ do: 'detach' }] });
    const asked = reach(attached, { type: 'ask-stop' });
    expect(play(asked, { type: 'next' }).effects).toEqual([]);
    expect(play(asked, insert('stop'), { type: 'next' }).effects).toEqual([{ do: 'stop' }]);
    const refused = reach(asked, insert('stop'), { type: 'next' }, { type: 'stop-ended', error: ERROR });
    expect(refused.overlay).toMatchObject({ kind: 'stop', busy: false, error: ERROR });
    expect(reach(asked, insert('stop'), { type: 'next' }, { type: 'closed', error: null }).exit).toBe(130);
  });

  it('gives the exit code that fits', () => {
    expect(reach(probed, { type: 'leave' }).exit).toBe(130);
    expect(reach(attached, event({ type: 'phase', phase: 'done' }), { type: 'leave' }).exit).toBe(0);
    const failing = reach(attached, event({ type: 'error', error: ERROR }), event({ type: 'phase', phase: 'failed' }));
    expect(reach(failing, { type: 'leave' }).exit).toBe(1);
    expect(reach(attached, { type: 'closed', error: ERROR }, { type: 'leave' }).exit).toBe(1);
  });

  it('is waited for when somebody leaves while it is being started, once', () => {
    const leaving = reach({ ...probed, screen: 'plan' }, { type: 'start' }, { type: 'leave' });
    expect(leaving.exit).toBeNull();
    expect(play(leaving, { type: 'attached', progress, readonly: false })).toMatchObject({
      model: { exit: 0 },
      effects: [{ do: 'detach' }],
    });
    expect(reach(leaving, { type: 'leave-now' }).exit).toBe(130);
  });

  it('is resumed with the passwords that were asked for', () => {
    const existing = {
      running: false,
      progress: { ...progress, phase: 'copy' as const },
      source: 'postgres://a@h/s',
      target: 'postgres://b@h/t',
    };
    const model = reach(initialModel({ now: 0 }), { type: 'opened', existing, prefill: { source: '', target: '' } });
    expect(model.screen).toBe('resume');
    const { effects } = play(model, insert('x'), { type: 'focus', by: 1 }, insert('y'), { type: 'next' });
    expect(effects).toEqual([
      { do: 'resume', connections: { source: 'postgres://a:x@h/s', target: 'postgres://b:y@h/t' } },
    ]);
  });

  it('is attached to at once when it runs, or when only watching', () => {
    const existing = { running: true, progress, source: '', target: '' };
    const prefill = { source: '', target: '' };
    expect(play(initialModel({ now: 0 }), { type: 'opened', existing, prefill }).effects).toEqual([{ do: 'attach' }]);
    expect(play(initialModel({ now: 0, watch: true }), { type: 'opened', existing: null, prefill }).effects).toEqual([
      { do: 'attach' },
    ]);
  });

  it('says on the shell whether anything goes on', () => {
    expect(farewell(attached, 'tiger-migrate-tui')[0]).toContain('goes on without this screen');
    expect(farewell(probed, 'tiger-migrate-tui')).toEqual(['Nothing was started.']);
    expect(farewell({ ...attached, engine: { ...attached.engine, stopped: true } }, 'x')[0]).toContain('stopped');
  });
});

describe('compression of chunks after the end', () => {
  const report = {
    chunks_total: 4,
    chunks_held: 0,
    bytes_before: 8,
    bytes_after: 1,
    relation: 'public.m',
    chunk: 'public.c',
  };
  const ended = reach(attached, event({ type: 'phase', phase: 'done' }));
  const compressing = reach(ended, event({ type: 'compression', state: 'running', chunks_done: 1, ...report }));
  const gone: Message = { type: 'closed', error: null };

  it('goes on without the screen, and that is said', () => {
    expect(compressionOf(ended)).toBeNull();
    expect([isCompressing(ended), isCompressing(compressing)]).toEqual([false, true]);
    expect(play(compressing, { type: 'leave' })).toMatchObject({ model: { exit: 0 }, effects: [{ do: 'detach' }] });
    expect(farewell(ended, 'x')).toHaveLength(1);
    expect(farewell(compressing, 'x')[1]).toContain('without this screen');
  });

  it('is stopped by the typed word, with exit code 0', () => {
    const asked = reach(compressing, { type: 'ask-stop' }, insert('stop'), { type: 'next' });
    expect(reach(asked, { type: 'stop-ended', error: null }).exit).toBe(0);
    expect(reach(asked, gone).exit).toBe(0);
  });

  it('is gone on with from where it stopped', () => {
    const lost = reach(compressing, gone);
    expect(compressionOf(lost)).toMatchObject({ now: 'stopped', chunks_done: 1 });
    expect(canCompressOn(lost)).toBe(true);
    expect(reach(lost, { type: 'rerun' })).toMatchObject({ screen: 'resume' });
    const whole = reach(
      compressing,
      event({ type: 'compression', state: 'done', chunks_done: 4, ...report, relation: null, chunk: null }),
      gone,
    );
    expect([canCompressOn(whole), compressionOf(whole)?.now]).toEqual([false, 'done']);
  });
});

describe('damaged tables', () => {
  const table = (relation: string, state: 'live' | 'damaged' | 'pending'): Message =>
    event({ type: 'table', relation, state, bytes: 1, rows: 1, done: 1 });
  const damaged = reach(
    attached,
    event({ type: 'phase', phase: 'replay' }),
    table('public.orders', 'damaged'),
    table('public.other', 'live'),
    event({ type: 'gate', id: 'damaged', title: 'no table is damaged', ok: false, detail: 'public.orders' }),
  );

  it('are copied again after a yes, which says what it costs', () => {
    const asked = reach(damaged, { type: 'ask-resync' });
    expect(asked.overlay).toMatchObject({ kind: 'question', lines: expect.arrayContaining(['public.orders']) });
    expect(JSON.stringify(asked.overlay)).not.toContain('public.other');
    expect(JSON.stringify(asked.overlay)).toContain('replay waits');
    expect(play(asked, { type: 'close-overlay' }).effects).toEqual([]);
    expect(play(asked, { type: 'yes' }).effects).toEqual([{ do: 'resync' }]);
    const answer = (error: typeof ERROR | null) => reach(damaged, { type: 'resync-asked', error }).notice;
    expect(answer(null)).toMatchObject({ tone: 'info' });
    expect(answer(ERROR)).toEqual({ tone: 'fail', text: 'TM1104 wrong password' });
  });

  it('have a key only while there are some and this screen may command', () => {
    const sent = (model: Model) => messageFor({ key: 's', text: 's' }, model, tablesFor(model));
    expect(sent(damaged)).toEqual({ type: 'ask-resync' });
    expect(sent(reach(damaged, { type: 'read', reader: 'tables' }))).toEqual({ type: 'ask-resync' });
    expect(sent({ ...damaged, engine: { ...damaged.engine, readonly: true } })).toBeNull();
    const whole = reach(damaged, table('public.orders', 'pending'));
    expect(footerKeys(whole, tablesFor(whole), true).map(({ key }) => key)).not.toContain('s');
    expect(reach(whole, { type: 'ask-resync' })).toMatchObject({
      overlay: null,
      notice: { text: 'no table is damaged' },
    });
    const copying = reach(damaged, event({ type: 'phase', phase: 'copy' }), { type: 'ask-resync' });
    expect(copying).toMatchObject({ overlay: null, notice: { tone: 'locked' } });
  });

  it('lock the cut-over, whatever the reason to override', () => {
    const forced = reach(
      damaged,
      { type: 'open-cutover' },
      insert('tsdb'),
      { type: 'focus', by: 2 },
      insert('a reason'),
    );
    expect(nextLock(forced)).toBe('not met, and no reason overrides it: no table is damaged');
    expect(play(forced, { type: 'next' }).effects).toEqual([]);
  });
});

describe('the cut-over', () => {
  const gate = (id: string, ok: boolean): Message => event({ type: 'gate', id, title: id, ok, detail: '' });
  const ready = reach(attached, event({ type: 'phase', phase: 'replay' }), gate('caught up', true), {
    type: 'open-cutover',
  });

  it('opens only in replay, and not for those who only look', () => {
    expect(reach(attached, { type: 'open-cutover' }).notice?.text).toContain('needs replay');
    const looking = { ...ready, screen: 'dashboard' as const, engine: { ...ready.engine, readonly: true } };
    expect(reach(looking, { type: 'open-cutover' }).notice?.text).toContain('look only');
    expect(ready.screen).toBe('cutover');
  });

  it('wants the name of the target database', () => {
    expect(nextLock(ready)).toBe("type the target database's name, tsdb");
    expect(play(ready, insert('tsdb'), { type: 'next' }).effects).toEqual([
      { do: 'cutover', request: { confirm: 'tsdb', freezeSource: false, override: null } },
    ]);
  });

  it('wants a reason while a condition does not hold', () => {
    const early = reach(ready, gate('no writers', false), insert('tsdb'));
    expect(nextLock(early)).toMatch(/^wait for: .*; or give a reason to override$/);
    const forced = play(early, { type: 'focus', by: 2 }, insert('agreed with ops'), { type: 'next' });
    expect(forced.effects).toMatchObject([{ request: { override: 'agreed with ops' } }]);
    // The condition comes true meanwhile: nothing is overridden any more.
    const met = play(early, { type: 'focus', by: 2 }, insert('agreed'), gate('no writers', true), { type: 'next' });
    expect(met.effects).toMatchObject([{ request: { override: null } }]);
  });

  it('forgets a name that was typed before', () => {
    const again = reach(ready, insert('tsdb'), { type: 'back' }, { type: 'open-cutover' });
    expect(again.cutover.confirm.text).toBe('');
  });

  it('shows why it was refused and can be asked again', () => {
    const refused = reach(ready, insert('tsdb'), { type: 'next' }, { type: 'cutover-asked', error: ERROR });
    expect(refused.cutover).toMatchObject({ busy: false, error: ERROR });
    expect(nextLock(refused)).toBeNull();
  });

  it('stays in sight when it goes back to replay', () => {
    const back = reach(
      ready,
      insert('tsdb'),
      { type: 'next' },
      event({ type: 'phase', phase: 'cutover' }),
      event({ type: 'error', error: ERROR }),
      event({ type: 'phase', phase: 'replay' }),
    );
    expect(back.screen).toBe('cutover');
    expect(back.engine.trouble?.error).toEqual(ERROR);
    expect(nextLock(back)).toBeNull();
  });
});

describe('rates', () => {
  it('come from a window of samples', () => {
    let samples: ReturnType<typeof addSample> = [];
    for (let second = 0; second <= 60; second += 1)
      samples = addSample(samples, { time: second * 1000, bytes: () => second * 10 });
    expect(samples[0]?.time).toBe(40_000);
    expect(copyRate(samples)).toBe(10);
    expect([secondsLeft(100, 10), secondsLeft(100, null), secondsLeft(100, 0), secondsLeft(0, null)]).toEqual([
      10,
      null,
      null,
      0,
    ]);
  });

  it('of a table tell what is left of it', () => {
    const table = {
      state: 'copying' as const,
      bytes_total: 100,
      bytes: 50,
      rows: 5,
      done: 0.25,
      since: '1970-01-01T00:00:00.000Z',
      ms: null,
    };
    expect(tableRate(table, 10_000)).toEqual({ bytesPerSecond: 5, secondsLeft: 30 });
    expect(tableRate({ ...table, since: null }, 10_000)).toBeNull();
  });

  it('are shown for the tables that need the eye first', () => {
    const table = { bytes: 0, rows: 0, done: 0, since: null, ms: null };
    const tables = {
      small: { ...table, state: 'copying' as const, bytes_total: 1 },
      large: { ...table, state: 'pending' as const, bytes_total: 9 },
      done: { ...table, state: 'live' as const, bytes_total: 99 },
      broken: { ...table, state: 'damaged' as const, bytes_total: 1 },
    };
    expect(tableLines({ ...progress, tables }).map(({ relation }) => relation)).toEqual([
      'broken',
      'small',
      'large',
      'done',
    ]);
  });
});
