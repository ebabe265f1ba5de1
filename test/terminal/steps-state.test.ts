import { describe, expect, it } from 'vitest';
import { nextLock } from '../../src/state/gates.ts';
import type { Message } from '../../src/state/messages.ts';
import { initialModel, type Model } from '../../src/state/model.ts';
import { PLAN_OPTIONS } from '../../src/state/plan-options.ts';
import { ERROR, insert, opened, passed, play, probed, reach } from './model-play.ts';
import { IDENTITIES, PLAN, SOURCE_REPORT, SOURCE_URI } from './shop.ts';

describe('connect', () => {
  it('probes both sides as soon as there is something to probe', () => {
    const { effects, model } = play(initialModel({ now: 0 }), {
      type: 'opened',
      existing: null,
      prefill: { source: SOURCE_URI, target: '' },
    });
    expect(effects).toEqual([
      { do: 'probe', side: 'source', edition: 1, connection: SOURCE_URI },
      { do: 'cancel-probe', side: 'target' },
    ]);
    expect(model.connect.focus).toBe('target.uri');
  });

  it('probes again after an edit, and drops the answer to the older text', () => {
    const { model, effects } = play(opened, insert('x'));
    expect(effects).toMatchObject([{ do: 'probe', side: 'source', edition: 2 }]);
    const late = reach(model, { type: 'probed', side: 'source', edition: 1, report: SOURCE_REPORT });
    expect(late.connect.source.probe).toEqual({ state: 'waiting' });
  });

  it('puts the password of its own field into what is probed', () => {
    const bare = reach(initialModel({ now: 0, prefill: { source: 'postgres://app@h/db' } }), {
      type: 'opened',
      existing: null,
      prefill: { source: 'ignored', target: '' },
    });
    const typed = play({ ...bare, connect: { ...bare.connect, focus: 'source.password' } }, insert('pw'));
    expect(typed.effects).toMatchObject([{ connection: 'postgres://app:pw@h/db' }]);
  });

  it('says which condition locks the checks', () => {
    expect(nextLock(opened)).toBe('waiting for the source to answer');
    const refused = reach(opened, {
      type: 'probe-failed',
      side: 'source',
      edition: opened.connect.source.edition,
      error: ERROR,
    });
    expect(nextLock(refused)).toBe('the source cannot be used: wrong password');
    expect(reach(refused, { type: 'next' }).notice).toMatchObject({ tone: 'locked' });
    expect(nextLock(probed)).toBeNull();
  });

  it('turns to the tab of the detected kind, unless the operator chose one', () => {
    const rds = { ...SOURCE_REPORT, provider: 'rds' as const };
    const answer: Message = { type: 'probed', side: 'source', edition: opened.connect.source.edition, report: rds };
    expect(reach(opened, answer).provider).toBe('rds');
    expect(reach({ ...opened, providerDetected: false }, answer).provider).toBe('selfhosted-postgres');
  });
});

describe('replica identity', () => {
  const here = reach(passed(), { type: 'next' }, { type: 'identities', rows: IDENTITIES });

  it('locks while a table that is updated has no choice', () => {
    expect(here.screen).toBe('identity');
    expect(nextLock(here)).toContain('public.sessions');
    const row = IDENTITIES[0]?.choices[2];
    if (!row) throw new Error('no choice');
    expect(nextLock(reach(here, { type: 'identity-applied', choice: row, error: null }))).toBeNull();
  });

  it('asks before it runs SQL, and takes inserts-only at its word', () => {
    expect(play(here, { type: 'apply' }).model.overlay).toMatchObject({ kind: 'question' });
    const second = play(here, { type: 'move', by: 1 }, { type: 'apply' });
    expect(second.model.overlay).toBeNull();
    expect(second.effects).toEqual([]);
    expect(second.model.identity.applied).toEqual({ 'audit.page_views': 'insert-only' });
  });

  it('goes through the choices of a table in a circle', () => {
    expect(reach(here, { type: 'choose', by: -1 }).identity.chosen).toEqual({ 'public.sessions': 3 });
  });
});

describe('plan', () => {
  const here = reach({ ...probed, screen: 'plan' }, { type: 'planned', run: 0, summary: PLAN });
  const option = (id: string): number => PLAN_OPTIONS.findIndex((entry) => entry.id === id);
  const at = (id: string): Model => ({ ...here, plan: { ...here.plan, selected: option(id) } });

  it('goes round line by line, and a page ends at the first or the last line', () => {
    const last = PLAN_OPTIONS.length - 1;
    const moved = (from: number, by: number): number =>
      reach({ ...here, plan: { ...here.plan, selected: from } }, { type: 'move', by }).plan.selected;
    expect([moved(0, -1), moved(last, 1)]).toEqual([last, 0]);
    expect([moved(0, -10), moved(2, -10), moved(2, 10), moved(last, 10)]).toEqual([0, 0, last, last]);
  });

  it('plans again after a change', () => {
    const { model, effects } = play(at('skipTableData'), { type: 'edit-row' }, insert('audit.* tmp.x'), {
      type: 'next',
    });
    expect(model.options.skipTableData).toEqual(['audit.*', 'tmp.x']);
    expect(effects).toMatchObject([{ do: 'plan', run: 1 }]);
    expect(nextLock(model)).toBe('the plan is being made');
  });

  it('refuses what it does not understand and keeps the field open', () => {
    const model = reach(at('tableJobs'), { type: 'edit-row' }, insert('many'), { type: 'next' });
    expect(model.notice?.tone).toBe('fail');
    expect(model.plan.editing?.text).toBe('many');
    expect(reach(model, { type: 'back' }).plan.editing).toBeNull();
  });

  it('toggles, reads and writes every option', () => {
    expect(reach(at('dropIfExists'), { type: 'toggle' }).options.dropIfExists).toBe(true);
    expect(
      reach(at('skipExtensions'), { type: 'edit-row' }, insert('all'), { type: 'next' }).options.skipExtensions,
    ).toBe('all');
    for (const entry of PLAN_OPTIONS) {
      expect(entry.write(here.options, entry.read(here.options)), entry.id).toEqual(here.options);
    }
  });

  it('starts only after a yes, and says first what is not ticked', () => {
    const asked = play({ ...here, checks: passed().checks }, { type: 'next' });
    expect(asked.effects).toEqual([]);
    const { overlay } = asked.model;
    if (overlay?.kind !== 'question') throw new Error('no question');
    expect(overlay.lines).toContain('Not ticked: Nobody changes the schema until the end.');
    const ticked = play(here, { type: 'next' }).model.overlay;
    expect(ticked?.kind === 'question' && ticked.lines.join()).not.toContain('Not ticked');
    expect(play(asked.model, { type: 'yes' }).effects).toMatchObject([{ do: 'start' }]);
  });
});
