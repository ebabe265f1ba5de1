import { describe, expect, it } from 'vitest';
import { statusLines } from '../../src/commands/status.ts';
import { gatesOf } from '../../src/engine/cutover/gates.ts';
import type { EngineEvent } from '../../src/engine/events.ts';
import { foldProgress, initialProgress, type Progress } from '../../src/engine/progress.ts';
import { checkCounts, checkEntries, checksSummary } from '../../src/state/check-entries.ts';
import { cutoverStartLock, nextLock } from '../../src/state/gates.ts';
import type { Message } from '../../src/state/messages.ts';
import type { Model } from '../../src/state/model.ts';
import { followCounts } from '../../src/state/table-order.ts';
import { update } from '../../src/state/update.ts';
import { footerKeys } from '../../src/ui/footer.tsx';
import { isLive, messageFor } from '../../src/ui/key-table.ts';
import { tablesFor } from '../../src/ui/keys/tables.ts';
import { draw, look } from './draw.tsx';
import { EVERY_SCREEN } from './every-screen.ts';
import { attached, checked, ERROR, event, insert, opened, probed, progress, reach } from './model-play.ts';
import { CHECKS, SOURCE_REPORT, STEPS, TARGET_REPORT } from './shop.ts';

const screen = (name: string): Model => {
  const model = EVERY_SCREEN[name];
  if (!model) throw new Error(`no ${name}`);
  return model;
};
const answered = (side: 'source' | 'target', model: Model): Message => ({
  type: 'probed',
  side,
  edition: model.connect[side].edition,
  report: side === 'source' ? SOURCE_REPORT : TARGET_REPORT,
});
const gate = (id: string, ok: boolean, detail = '') => event({ type: 'gate', id, title: `gate ${id}`, ok, detail });
const replaying = reach(attached, event({ type: 'phase', phase: 'replay' }));

describe('why a step is locked', () => {
  it('is said only as long as it holds', () => {
    const locked = reach(opened, { type: 'next' });
    expect(locked.notice?.text).toBe('waiting for the source to answer');
    const one = reach(locked, answered('source', locked));
    expect(one.notice?.text).toBe('waiting for the target to answer');
    expect(reach(one, answered('target', one)).notice).toBeNull();
  });

  it('follows a probe that fails', () => {
    const locked = reach(opened, { type: 'next' });
    const { edition } = locked.connect.source;
    const refused = reach(locked, { type: 'probe-failed', side: 'source', edition, error: ERROR });
    expect(refused.notice?.text).toBe('the source cannot be used: wrong password');
  });

  it('goes with the end of the checks, of a look at the tables, of the plan', () => {
    const running = reach(probed, { type: 'next' }, { type: 'next' });
    expect(running.notice?.text).toBe('the checks are still running');
    expect(checked(running).notice?.text).toBe('must pass first: wal_level');
    const identity = reach(screen('identity, nothing to do'), { type: 'rerun' }, { type: 'next' });
    expect(identity.notice?.tone).toBe('locked');
    expect(reach(identity, { type: 'identities', rows: [] }).notice).toBeNull();
  });

  it('goes once the engine replays, and once a condition holds', () => {
    const early = reach(attached, event({ type: 'phase', phase: 'copy' }), { type: 'open-cutover' });
    expect(early.notice?.text).toContain('needs replay, now: copy');
    expect(reach(early, event({ type: 'phase', phase: 'replay' })).notice).toBeNull();
    const damagedEarly = reach(
      attached,
      event({ type: 'phase', phase: 'copy' }),
      event({ type: 'table', relation: 'public.a', state: 'damaged', bytes: 0, rows: 0, done: 1 }),
      { type: 'ask-resync' },
    );
    expect(damagedEarly.notice?.text).toContain('only while replay runs');
    expect(reach(damagedEarly, event({ type: 'phase', phase: 'replay' })).notice).toBeNull();
    const form = reach(replaying, gate('caught-up', false), { type: 'open-cutover' }, insert('tsdb'), { type: 'next' });
    expect(form.notice?.tone).toBe('locked');
    expect(reach(form, gate('caught-up', true)).notice).toBeNull();
  });

  it('names what can be done before what is not met', () => {
    const writing = reach(
      replaying,
      gate('writers', false, 'changes still arrive'),
      gate('caught-up', false),
      { type: 'open-cutover' },
      insert('tsdb'),
    );
    expect(cutoverStartLock(writing)).toMatch(
      /^freeze the source \(Tab, then Space\), or stop the application; wait for: gate caught-up; or give a reason/,
    );
    const frozen = reach(writing, { type: 'focus', by: 1 }, { type: 'toggle' });
    expect(cutoverStartLock(frozen)).toMatch(/^wait for: gate caught-up; or give a reason/);
    const altered = reach(replaying, gate('schema', false), { type: 'open-cutover' }, insert('tsdb'));
    expect(cutoverStartLock(altered)).toMatch(/^run what Esc and D show/);
  });

  it.each([
    { columns: 80, rows: 24 },
    { columns: 60, rows: 18 },
    { columns: 40, rows: 12 },
  ])('is not cut off at $columns by $rows', async (size) => {
    const model = reach(
      replaying,
      gate('writers', false, 'changes still arrive'),
      { type: 'open-cutover' },
      insert('tsdb'),
      { type: 'next' },
    );
    const text = (await draw(model, size, { LANG: 'C.UTF-8' })).text().replace(/\s+/g, ' ');
    expect(text).toContain('freeze the source (Tab, then Space), or stop the application; or give a reason');
  });
});

describe('a table that was damaged', () => {
  const table = (state: 'damaged' | 'pending' | 'copying' | 'copied' | 'live') =>
    event({ type: 'table', relation: 'public.orders', state, bytes: 0, rows: 0, done: 1 });
  const warning = event({
    type: 'warning',
    text: 'public.orders is damaged and no longer follows the source',
    table: 'public.orders',
  });
  const other = event({ type: 'warning', text: 'something else' });
  const texts = (model: Model) => model.engine.progress?.warnings.map(({ text }) => text);

  it('is warned of until it follows the source again', () => {
    const damaged = reach(replaying, other, table('damaged'), warning);
    expect(texts(damaged)).toHaveLength(2);
    for (const state of ['pending', 'copying'] as const) expect(texts(reach(damaged, table(state)))).toHaveLength(2);
    for (const state of ['copied', 'live'] as const) {
      const healed = reach(damaged, table('pending'), table('copying'), table(state));
      expect(texts(healed)).toEqual(['something else']);
      expect(healed.engine.progress?.log.at(-1)?.text).toBe('public.orders follows the source again');
    }
  });

  it('is warned of once, however often an engine tells it', () => {
    expect(texts(reach(replaying, table('damaged'), warning, table('damaged'), warning))).toHaveLength(1);
  });

  it('leaves the warnings about other tables alone', () => {
    const about = event({ type: 'warning', text: 'public.carts is damaged', table: 'public.carts' });
    expect(texts(reach(replaying, warning, about, table('live')))).toEqual(['public.carts is damaged']);
  });
});

describe('counts', () => {
  const fold = (...events: Parameters<typeof foldProgress>[1][]): Progress =>
    events.reduce<Progress>(
      (sum, one) => foldProgress(sum, one),
      initialProgress({ migration_id: 'm', source: '', target: '', target_database: '' }),
    );
  const time = '2026-01-02T03:04:05.000Z';
  const plan = (indexesDone: number): EngineEvent => ({
    type: 'plan',
    time,
    tables: [{ relation: 'a', bytes: 1, rows: 1, parts: 1 }],
    indexes_total: 69,
    indexes_done: indexesDone,
  });

  it('of indexes begin with those that an earlier run has built, and never pass their total', () => {
    const built = { type: 'index', time, relation: 'a', name: 'i', state: 'done' } as const;
    expect(fold(plan(68), built).indexes).toEqual({ total: 69, done: 69, building: [] });
    // The same engine begins a second run, to copy a damaged table again.
    expect(fold(plan(0), built, plan(1)).indexes).toMatchObject({ total: 69, done: 1 });
  });

  it('of tables that follow leave out what was dropped on the source', () => {
    const tables = ['public.a', 'public.b', 'public.c'];
    const live = reach(
      replaying,
      ...tables.map((relation) => event({ type: 'table', relation, state: 'live', bytes: 1, rows: 1, done: 1 })),
    );
    const drop = (...names: string[]) =>
      event({
        type: 'schema_changes',
        changes: names.map((table) => ({
          kind: 'table-dropped' as const,
          table,
          what: 'the table was dropped on the source',
          means: '',
          sql: [`DROP TABLE ${table};`],
          source_sql: [],
          locks: false,
          copy_again: false,
        })),
      });
    const counts = (model: Model) => followCounts(model.engine.progress ?? progress);
    expect(counts(live)).toMatchObject({ total: 3, following: 3, dropped: 0 });
    expect(counts(reach(live, drop('public.b')))).toMatchObject({ total: 2, following: 2, dropped: 1 });
    // Dropped on the target, too: it is no table of the migration any more.
    const gone = reach(live, drop('public.b'), drop());
    expect(counts(gone)).toMatchObject({ total: 2, following: 2, dropped: 0 });
    expect(Object.keys(gone.engine.progress?.tables ?? {})).toEqual(['public.a', 'public.c']);
  });

  it('of a tab add up to the lines that are in it', async () => {
    const model = reach(screen('checks'), {
      type: 'checked',
      provider: 'selfhosted-postgres',
      run: 1,
      result: { ...(CHECKS[2] ?? never()), status: 'info' },
    });
    const tab = model.checks[model.provider];
    const counts = checkCounts(tab);
    const sum = Object.values(counts).reduce((all, one) => all + one, 0);
    expect(sum).toBe(checkEntries(tab).length);
    expect(counts).toMatchObject({ info: 1, ticked: 1, open: 1 });
    const words = checksSummary(tab);
    const said = [...words.matchAll(/\d+/g)].map(([figure]) => Number(figure));
    expect(said.reduce((all, one) => all + one, 0)).toBe(checkEntries(tab).length);
    expect(STEPS).toHaveLength(2);
    expect((await look(model, { columns: 100, rows: 30 })).text).toContain(words);
  });
});

const never = (): never => {
  throw new Error('no check');
};

describe('the keys', () => {
  const footer = (model: Model) => footerKeys(model, tablesFor(model), true);
  const label = (model: Model, key: string) => footer(model).find((one) => one.key === key)?.label;

  it('call the cut-over locked as long as it is', () => {
    expect(label(replaying, 'c')).toBe('cut over (locked)');
    const open = reach(replaying, gate('caught-up', true), gate('writers', false));
    expect(label(open, 'c')).toBe('cut over (locked)');
    const freezing = { ...open, options: { ...open.options, freezeSource: true } };
    expect(label(freezing, 'c')).toBe('cut over');
    const ready = reach(open, gate('writers', true));
    expect(label(ready, 'c')).toBe('cut over');
    const form = reach(ready, { type: 'open-cutover' });
    expect(label(form, 'Enter')).toBe('cut over (locked)');
    expect(nextLock(form)).toContain("type the target database's name");
    const typed = reach(form, insert('tsdb'), { type: 'drawn', start: 0, end: 9, length: 9, width: 80 });
    expect(label(typed, 'Enter')).toBe('cut over');
  });

  it.each(Object.entries(EVERY_SCREEN))('%s has no key in its footer that does nothing', (_name, model) => {
    for (const { bindings } of tablesFor(model).slice(0, 1)) {
      for (const binding of bindings) {
        if (binding.footer === undefined || !isLive(binding, model)) continue;
        for (const key of binding.keys) {
          const text = [...key].length === 1 ? key : key === 'space' ? ' ' : null;
          const message = messageFor({ key, text }, model, tablesFor(model));
          expect(message, key).not.toBeNull();
          if (!message) continue;
          const next = update(model, message);
          const scrolls = 'by' in message && message.type !== 'choose' && message.type !== 'focus';
          if (!scrolls && !model.overlay) expect(next.model !== model || next.effects.length > 0, key).toBe(true);
        }
      }
    }
  });

  it('that do nothing now say why, and the help marks them', async () => {
    const identityCheck = {
      ...(CHECKS[5] ?? never()),
      id: 'source-replica-identity',
      title: 'Replica identity',
      status: 'warn' as const,
      apply: null,
    };
    const model = reach(
      screen('checks'),
      { type: 'checked', provider: 'selfhosted-postgres', run: 1, result: identityCheck },
      { type: 'move', by: -100 },
      { type: 'move', by: 2 },
    );
    const tab = model.checks[model.provider];
    const on = { ...model, checks: { ...model.checks, [model.provider]: { ...tab, selected: identityCheck.id } } };
    expect(label(on, 'a')).toBeUndefined();
    const message = messageFor({ key: 'a', text: 'a' }, on, tablesFor(on));
    if (!message) throw new Error('a is dead');
    expect(reach(on, message).notice?.text).toContain('Replica identity is chosen on the next screen');
    const help = await look(reach(on, { type: 'read', reader: 'help' }), { columns: 100, rows: 40 });
    expect(help.text).toMatch(/ a +\(not now\) run the fix of this check/);
    expect(help.text).toMatch(/ r +run the checks again/);
  });

  it('of no screen are dead without a word', () => {
    const silent = ['move', 'scroll', 'page'];
    for (const name of [
      'checks',
      'identity, many',
      'identity, being applied',
      'dashboard, copy',
      'dashboard, caught up',
    ]) {
      const model = screen(name);
      for (const key of ['a', 's', 'space']) {
        const text = key === 'space' ? ' ' : key;
        const message = messageFor({ key, text }, model, tablesFor(model));
        if (!message || silent.includes(message.type)) continue;
        const next = update(model, message);
        expect(next.model !== model || next.effects.length > 0, `${key} on ${name}`).toBe(true);
      }
    }
  });
});

describe('who writes on the source', () => {
  const input = {
    tablesTotal: 1,
    tablesLive: 1,
    damaged: [],
    schemaOpen: [],
    indexesOpen: 0,
    replay: { ...progress.replay, caught_up: true },
    caughtUpForMs: 9000,
    troubles: [],
  };
  const writers = (of: { writers: number; quietForMs: number; writersGoneForMs: number }) =>
    gatesOf({ ...input, ...of }).find(({ id }) => id === 'writers');

  it('is told in the same words while short transactions come and go', () => {
    const seen = [1, 0, 2, 1, 0].map((count, at) =>
      writers({ writers: count, quietForMs: at * 100, writersGoneForMs: count > 0 ? 0 : 400 }),
    );
    expect(new Set(seen.map((one) => one?.detail)).size).toBe(1);
    expect(seen.every((one) => one?.ok === false)).toBe(true);
  });

  it('is told in the same words when what is written is not migrated', () => {
    const seen = [1, 0, 2, 0].map((count) =>
      writers({ writers: count, quietForMs: 60_000, writersGoneForMs: count > 0 ? 0 : 900 }),
    );
    expect(new Set(seen.map((one) => one?.detail)).size).toBe(1);
    expect(seen.every((one) => one?.ok === false)).toBe(true);
    expect(seen[0]?.detail).not.toMatch(/\d/);
  });

  it('is nobody once it was quiet for a while', () => {
    expect(writers({ writers: 0, quietForMs: 4000, writersGoneForMs: 4000 })).toMatchObject({ ok: true, detail: '' });
  });
});

describe('status', () => {
  const at = (ok: boolean): Progress => ({
    ...progress,
    phase: 'replay',
    gates: [
      { id: 'caught-up', title: 'caught up for 5 seconds', ok: true, detail: 'for 9 s' },
      { id: 'writers', title: 'nobody writes on the source', ok, detail: ok ? '' : 'changes still arrive' },
    ],
  });

  it('shows the conditions of the cut-over, as its errors say', () => {
    const locked = statusLines(at(false), 1).join('\n');
    expect(locked).toContain('The cut-over is locked');
    expect(locked).toContain('not met: nobody writes on the source: changes still arrive');
    expect(locked).toContain('met: caught up for 5 seconds: for 9 s');
    expect(statusLines(at(true), 1).join('\n')).toContain('The cut-over can begin');
  });

  it('does not take for present what an engine said that has ended', () => {
    expect(statusLines(at(true), null).join('\n')).not.toContain('The cut-over can begin');
  });
});
