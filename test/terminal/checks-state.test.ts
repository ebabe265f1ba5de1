import { describe, expect, it } from 'vitest';
import { checkEntries, selectedEntry } from '../../src/state/check-entries.ts';
import { nextLock } from '../../src/state/gates.ts';
import type { Message } from '../../src/state/messages.ts';
import { initialModel, type Model } from '../../src/state/model.ts';
import { checked, ERROR, insert, passed, play, probed, reach } from './model-play.ts';
import { CHECKS, SOURCE_REPORT, SOURCE_URI, STEPS, TARGET_REPORT, TARGET_URI } from './shop.ts';

const KIND = 'selfhosted-postgres';
const onChecks = checked(reach(probed, { type: 'next' }));
const tabOf = (model: Model) => model.checks[model.provider];
const select = (model: Model, id: string): Model => ({
  ...model,
  checks: { ...model.checks, [model.provider]: { ...tabOf(model), selected: id } },
});
const applied = (id: string): Message => {
  const result = CHECKS.find((check) => check.id === id);
  if (!result) throw new Error(`no check ${id}`);
  return { type: 'fix-applied', result, error: null };
};
/** The answers of a run in which everything passes. */
const allPass = (run: number): Message[] => [
  ...CHECKS.map(
    (result): Message => ({
      type: 'checked',
      provider: KIND,
      run,
      result: { ...result, status: 'pass', apply: null, restart: null },
    }),
  ),
  { type: 'checks-ended', provider: KIND, run, error: null },
];

describe('the checks of a tab', () => {
  it('run when the screen is entered, and lock the way until what must pass passes', () => {
    const { model, effects } = play(probed, { type: 'next' });
    expect(effects).toMatchObject([{ do: 'run-checks', run: 1 }, { do: 'load-steps' }]);
    expect(nextLock(model)).toBe('the checks are still running');
    expect(nextLock(checked(model))).toBe('must pass first: wal_level');
    expect(nextLock(passed())).toBeNull();
  });

  it('run for a tab when it is turned to, and forget results of an older run', () => {
    const turned = play(reach(probed, { type: 'next' }), { type: 'choose', by: 1 });
    expect(turned.model.provider).toBe('rds');
    expect(turned.effects).toMatchObject([
      { do: 'cancel-checks' },
      { do: 'run-checks', input: { provider: 'rds' } },
      { do: 'load-steps', input: { provider: 'rds' } },
    ]);
    const result = CHECKS[0];
    if (!result) throw new Error('no checks');
    const late = reach(turned.model, { type: 'checked', provider: 'rds', run: 0, result });
    expect(late.checks.rds.results).toEqual([]);
  });

  it('stand with what must be mended first, then what is done by hand, then what is well', () => {
    const kinds = checkEntries(tabOf(onChecks)).map((entry) => (entry.kind === 'step' ? 'step' : entry.result.status));
    expect(kinds.slice(0, 5)).toEqual(['fail', 'warn', 'step', 'step', 'pass']);
  });

  it('keep the selection where it was while they run again, and the old results until the new ones come', () => {
    const here = select(onChecks, 'source-keep');
    const again = reach(here, { type: 'rerun' });
    expect(tabOf(again).stale).toHaveLength(CHECKS.length);
    expect(selectedEntry(tabOf(again))?.id).toBe('source-keep');
    const done = reach(again, ...allPass(2));
    expect(tabOf(done)).toMatchObject({ state: 'done', stale: [] });
    expect(selectedEntry(tabOf(done))?.id).toBe('source-keep');
  });

  it('drop what the new run did not come to', () => {
    const again = reach(onChecks, { type: 'rerun' }, ...allPass(2).slice(0, 3));
    const failed = reach(again, { type: 'checks-ended', provider: KIND, run: 2, error: ERROR });
    expect(tabOf(failed).results).toHaveLength(3);
    expect(nextLock(failed)).toBe('the checks could not run: wrong password');
  });

  it('are void when the connection changes', () => {
    const back = reach(passed(), { type: 'back' }, insert('x'));
    expect(back.checks[KIND]).toMatchObject({ state: 'idle', results: [], steps: [] });
  });
});

describe('a fix', () => {
  it('is run only after a yes', () => {
    const asked = play(onChecks, { type: 'apply' });
    expect(asked.effects).toEqual([]);
    expect(asked.model.overlay).toMatchObject({ kind: 'question', title: 'Run this on the source?' });
    expect(play(asked.model, { type: 'yes' }).effects).toMatchObject([
      { do: 'apply-fix', result: { id: 'source-wal-level' } },
    ]);
    expect(play(asked.model, { type: 'close-overlay' }).effects).toEqual([]);
  });

  it('is not offered for what passes, for a step, or while another one runs', () => {
    const applying = play(onChecks, { type: 'apply' }, { type: 'yes' }).model;
    for (const model of [select(onChecks, 'tools'), select(onChecks, 'no-ddl'), select(applying, 'source-keep')]) {
      expect(reach(model, { type: 'apply' })).toMatchObject({ overlay: null, notice: { tone: 'info' } });
    }
  });

  it('is looked up afterwards, not believed', () => {
    const { model, effects } = play(onChecks, applied('source-keep'));
    expect(effects).toMatchObject([{ do: 'run-checks', run: 2 }, { do: 'load-steps' }]);
    expect(model.notice?.text).toBe('done; checking again');
  });

  it('that ended while another tab is shown is looked up when its own tab is shown again', () => {
    const away = reach(onChecks, { type: 'apply' }, { type: 'yes' }, { type: 'choose', by: 1 });
    const { model, effects } = play(away, applied('source-wal-level'));
    expect(effects).toEqual([]);
    expect(model.checks[KIND]).toMatchObject({ applying: null, state: 'idle' });
  });

  it('that was refused says why, and can be tried again', () => {
    const applying = reach(onChecks, { type: 'apply' }, { type: 'yes' });
    const refused = reach(applying, { ...applied('source-wal-level'), error: ERROR } as Message);
    expect(refused.notice).toEqual({ tone: 'fail', text: 'wrong password' });
    expect(reach(refused, { type: 'apply' }).overlay).toMatchObject({ kind: 'question' });
  });
});

describe('a restart', () => {
  const ended = play(
    onChecks,
    { type: 'rerun' },
    ...CHECKS.map((result): Message => ({ type: 'checked', provider: KIND, run: 2, result })),
    { type: 'checks-ended', provider: KIND, run: 2, error: null },
  );
  const restarted = (model: Model): Message => ({
    type: 'restarted',
    provider: KIND,
    run: tabOf(model).run,
    side: 'source',
    error: null,
  });

  it('is waited for when something needs it, and the checks run again by themselves', () => {
    expect(ended.effects).toMatchObject([{ do: 'await-restart', side: 'source', run: 2 }]);
    const after = play(ended.model, restarted(ended.model));
    expect(after.effects).toMatchObject([{ do: 'run-checks', run: 3 }, { do: 'load-steps' }]);
    expect(after.model.notice?.text).toBe('the source was restarted: checking again');
    const well = play(after.model, ...allPass(3));
    expect(well.effects).toEqual([]);
    expect(tabOf(well.model).restart).toBeNull();
  });

  it('is waited for on, when the server goes down in the middle of the checks', () => {
    const { effects, model } = play(
      ended.model,
      { type: 'rerun' },
      { type: 'checks-ended', provider: KIND, run: 3, error: ERROR },
    );
    expect(effects).toMatchObject([{ do: 'await-restart', side: 'source', run: 3 }]);
    expect(play(model, restarted(model)).effects).toMatchObject([{ do: 'run-checks', run: 4 }, { do: 'load-steps' }]);
  });

  it('is waited for only while its tab is shown, and again when that is shown again', () => {
    const turned = play(ended.model, { type: 'choose', by: 1 });
    expect(turned.effects[0]).toEqual({ do: 'cancel-checks' });
    expect(play(turned.model, restarted(ended.model)).effects).toEqual([]);
    const back = play(turned.model, { type: 'choose', by: -1 });
    expect(back.effects).toMatchObject([{ do: 'cancel-checks' }, { do: 'await-restart', side: 'source' }]);
    expect(play(ended.model, { type: 'back' }).effects).toEqual([{ do: 'cancel-checks' }]);
  });

  it('ends with the screen: on the way to the next one nothing is waited for', () => {
    const warned = passed();
    const tab = { ...tabOf(warned), restart: 'source' as const };
    const next = play({ ...warned, checks: { ...warned.checks, [KIND]: tab } }, { type: 'next' });
    expect(next.effects[0]).toEqual({ do: 'cancel-checks' });
    expect(next.model.screen).toBe('identity');
    expect(play(next.model, { type: 'back' }).effects).toMatchObject([{ do: 'await-restart', side: 'source' }]);
  });
});

describe('a step', () => {
  const onStep = select(onChecks, 'no-ddl');

  it('is ticked and the tick taken away with the same key', () => {
    const { effects } = play(onStep, { type: 'toggle' });
    expect(effects).toMatchObject([{ do: 'tick', id: 'no-ddl', ticked: true }]);
    const steps = STEPS.map((step) => ({ ...step, ticked: '2026-01-02T03:04:05.000Z' }));
    const ticked = reach(onStep, { type: 'steps', provider: KIND, source: SOURCE_URI, steps });
    expect(play(ticked, { type: 'toggle' }).effects).toMatchObject([{ do: 'tick', id: 'no-ddl', ticked: false }]);
    expect(selectedEntry(tabOf(ticked))?.id).toBe('no-ddl');
  });

  it('is only what the list shows as one: a check is looked up', () => {
    expect(play(onChecks, { type: 'toggle' })).toMatchObject({ effects: [], model: { notice: { tone: 'info' } } });
  });

  it('of another source does not get into this one', () => {
    const late = reach(onChecks, { type: 'steps', provider: KIND, source: 'postgres://h/other', steps: [] });
    expect(tabOf(late).steps).toEqual(STEPS);
  });

  it('does not lock the way', () => {
    expect(tabOf(passed()).steps.some(({ ticked }) => ticked === null)).toBe(true);
    expect(nextLock(passed())).toBeNull();
  });
});

describe('the report', () => {
  it('is saved when the checks have run, and its place is told', () => {
    const running = reach(probed, { type: 'next' });
    expect(play(running, { type: 'save-report' })).toMatchObject({ effects: [], model: { notice: { tone: 'info' } } });
    expect(play(onChecks, { type: 'save-report' }).effects).toMatchObject([
      { do: 'save-report', results: { length: CHECKS.length } },
    ]);
    expect(reach(onChecks, { type: 'report-saved', path: '/w/check-report.md' }).notice?.text).toBe(
      'written: /w/check-report.md',
    );
  });
});

describe('the source kind', () => {
  const found = (model: Model): Message[] => [
    { type: 'probed', side: 'source', edition: model.connect.source.edition, report: SOURCE_REPORT },
    { type: 'probed', side: 'target', edition: model.connect.target.edition, report: TARGET_REPORT },
  ];

  it('that the operator named is not turned back by what the server looks like', () => {
    const prefill = { source: SOURCE_URI, target: TARGET_URI };
    const named = reach(initialModel({ now: 0, prefill: { ...prefill, provider: 'rds' } }), {
      type: 'opened',
      existing: null,
      prefill,
    });
    expect(reach(named, ...found(named)).provider).toBe('rds');
    const unnamed = reach(initialModel({ now: 0, prefill: { ...prefill, provider: undefined } }), {
      type: 'opened',
      existing: null,
      prefill,
    });
    expect(reach(unnamed, ...found(unnamed)).provider).toBe(KIND);
  });
});
