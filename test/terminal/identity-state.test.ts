import { describe, expect, it } from 'vitest';
import { farewell } from '../../src/state/farewell.ts';
import { focusedText } from '../../src/state/focus.ts';
import { nextLock } from '../../src/state/gates.ts';
import type { Model } from '../../src/state/model.ts';
import { PLAN_OPTIONS } from '../../src/state/plan-options.ts';
import { chosenFor, identityRows, selectedRow } from '../../src/state/steps/identity.ts';
import { ERROR, insert, passed, play, reach } from './model-play.ts';
import { MANY_IDENTITIES } from './shop.ts';

const here = reach(passed(), { type: 'next' }, { type: 'identities', rows: MANY_IDENTITIES });
/** With the cursor on a table. */
const on = (relation: string, model: Model = here): Model => {
  const at = identityRows(model).findIndex((row) => row.relation === relation);
  return reach(model, { type: 'move', by: at - model.identity.selected });
};
const choose = (model: Model, kind: string): Model => {
  const row = selectedRow(model);
  const at = row?.choices.findIndex((choice) => choice.kind === kind) ?? -1;
  const now = model.identity.chosen[row?.relation ?? ''] ?? 0;
  return reach(model, { type: 'choose', by: at - now });
};
const chosen = (model: Model) => {
  const row = selectedRow(model);
  return row && chosenFor(model.identity, row);
};

describe('the list of tables without replica identity', () => {
  it('begins with those that are updated most', () => {
    expect(
      identityRows(here)
        .slice(0, 6)
        .map(({ relation }) => relation),
    ).toEqual([
      'public.sessions',
      'public.events',
      'public.metrics',
      'archive.log_1',
      'archive.log_2',
      'archive.log_3',
    ]);
  });

  it('locks until somebody has decided what is updated, or was counted for too short a time', () => {
    expect(nextLock(here)).toBe(
      'apply a choice (a, or A for all) to public.sessions, public.events, public.metrics and 1 more',
    );
    const decided = ['public.sessions', 'public.events', 'public.metrics', 'public.new'].reduce(
      (model, relation) => reach(choose(on(relation, model), 'insert-only'), { type: 'apply' }, { type: 'yes' }),
      here,
    );
    expect(nextLock(decided)).toBeNull();
    expect(play(decided, { type: 'next' }).model.screen).toBe('hypertables');
  });
});

describe('answers that come late', () => {
  it('are dropped when they are about another source', () => {
    const elsewhere = { ...here, identity: { ...here.identity, rows: { state: 'idle' as const } } };
    const choice = chosen(here);
    if (!choice) throw new Error('no choice');
    const after = reach(
      elsewhere,
      { type: 'identities', rows: MANY_IDENTITIES },
      { type: 'identity-applying', choice },
      { type: 'identity-applied', choice, error: null },
    );
    expect(after.identity).toEqual(elsewhere.identity);
  });
});

describe('inserts only', () => {
  it('is a promise where rows are updated', () => {
    const asked = reach(choose(on('public.sessions'), 'insert-only'), { type: 'apply' });
    expect(asked.overlay).toMatchObject({
      kind: 'question',
      title: 'Is that so?',
      lines: ['You promise: until the cut-over nothing is updated or deleted in public.sessions'],
    });
    expect(reach(asked, { type: 'yes' }).identity.applied).toEqual({ 'public.sessions': 'insert-only' });
    expect(reach(asked, { type: 'close-overlay' }).identity.applied).toEqual({});
  });
});

describe('leaving a table out', () => {
  const out = reach(choose(on('public.events'), 'leave-out'), { type: 'apply' }, { type: 'yes' });

  it('goes into the options by its exact name, and comes out again with another choice', () => {
    expect(out.options.excludeTable).toEqual(['"public"."events"']);
    const back = reach(choose(out, 'insert-only'), { type: 'apply' }, { type: 'yes' });
    expect(back.identity.applied).toEqual({ 'public.events': 'insert-only' });
    expect(back.options.excludeTable).toEqual([]);
  });

  it('survives being edited on the plan, whatever is in the name', () => {
    const option = PLAN_OPTIONS.find(({ id }) => id === 'excludeTable');
    const options = { ...out.options, excludeTable: ['"public"."two words, a ""comma"""', 'log_*', '"a b".c'] };
    expect(option?.write(out.options, option.read(options))).toEqual(options);
  });

  it('stays in sight when looking again, and is undecided when the plan takes the pattern away', () => {
    const { effects } = play(out, { type: 'rerun' });
    expect(effects).toMatchObject([{ do: 'load-identities', input: { options: { excludeTable: [] } } }]);
    const again = reach(out, { type: 'rerun' }, { type: 'identities', rows: MANY_IDENTITIES });
    expect(nextLock(again)).not.toContain('public.events');
    expect(nextLock({ ...again, options: { ...again.options, excludeTable: [] } })).toContain('public.events');
  });
});

describe('the columns of a new index', () => {
  const asked = reach(on('public.metrics'), { type: 'edit-row' });

  it('are typed into a field that has the keys', () => {
    expect(focusedText(asked)?.field.text).toBe('');
    expect(chosen(asked)?.kind).toBe('create-index');
    const typed = reach(asked, insert('device, AT'));
    expect(reach(typed, { type: 'move', by: 1 }, { type: 'choose', by: 1 })).toEqual(typed);
    const taken = reach(typed, { type: 'next' });
    expect(focusedText(taken)).toBeNull();
    expect(chosen(taken)?.label).toBe('new unique index on (device, at) on each of 12 partitions');
    expect(chosen(taken)?.sql).toHaveLength(24);
    // What was typed is there to be changed.
    expect(focusedText(reach(taken, { type: 'edit-row' }))?.field.text).toBe('device, at');
  });

  it('are refused with a reason while the field stays open, and dropped with Esc', () => {
    const wrong = reach(asked, insert('nothing'), { type: 'next' });
    expect(wrong.notice).toEqual({ tone: 'fail', text: 'there is no column nothing; NOT NULL are: device, at' });
    expect(focusedText(wrong)?.field.text).toBe('nothing');
    const dropped = reach(wrong, { type: 'back' });
    expect(dropped.screen).toBe('identity');
    expect(focusedText(dropped)).toBeNull();
  });

  it('are asked for before such a choice is applied', () => {
    const unnamed = reach(choose(on('public.metrics'), 'create-index'), { type: 'apply' });
    expect(focusedText(unnamed)).not.toBeNull();
    expect(unnamed.overlay).toBeNull();
    // The others need not wait for it.
    const all = reach(choose(on('public.metrics'), 'create-index'), { type: 'apply-all' });
    expect(all.overlay).toMatchObject({
      kind: 'question',
      lines: expect.arrayContaining([expect.stringMatching(/^Not now: 1 table that cannot be applied from here/)]),
    });
    expect(reach(all, { type: 'yes' }).work.applying).toBe('public.sessions');
  });
});

describe('what runs on the source', () => {
  const running = reach(on('public.events'), { type: 'apply' }, { type: 'yes' });

  it('is told table by table, and keeps the next step locked', () => {
    expect(nextLock(running)).toBe('the choice for public.events is being applied');
    expect(play(running, { type: 'rerun' }).effects).toEqual([]);
    expect(reach(running, { type: 'apply-all' }).overlay).toBeNull();
  });

  it('is remembered when the wizard is left', () => {
    const choice = chosen(on('public.events'));
    if (!choice) throw new Error('no choice');
    const done = reach(running, { type: 'identity-applied', choice, error: null });
    expect(farewell(done, 'x')[0]).toContain('tiger-migrate-tui clean takes it back');
    const promised = reach(choose(on('public.events'), 'insert-only'), { type: 'apply' }, { type: 'yes' });
    expect(farewell(promised, 'x')).toEqual(['Nothing was started.']);
  });

  it('can be stopped, once', () => {
    const { model, effects } = play(running, { type: 'cancel-identities' });
    expect(effects).toEqual([{ do: 'cancel-identities' }]);
    expect(model.work.cancelling).toBe(true);
    expect(play(here, { type: 'cancel-identities' }).effects).toEqual([]);
  });

  it('is shown to the last statement before it is run', () => {
    const { overlay } = reach(here, { type: 'apply-all' });
    if (overlay?.kind !== 'question') throw new Error('no question');
    const sql = identityRows(here)
      .flatMap((row) => chosenFor(here.identity, row)?.sql ?? [])
      .map((statement) => `${statement};`);
    const shown = overlay.lines.filter((line) => sql.includes(line));
    expect(shown.length).toBeGreaterThan(2);
    expect(overlay.lines).toContain(`${shown.length} statements; to have them all as a file: n, then s`);
    expect(overlay.lines.at(-1)).toBe(shown.at(-1));
  });

  it('turns to the table that failed, and leaves it undecided', () => {
    const choice = chosen(on('public.metrics'));
    if (!choice) throw new Error('no choice');
    const failed = reach(running, { type: 'identity-applied', choice, error: ERROR });
    expect(selectedRow(failed)?.relation).toBe('public.metrics');
    expect(failed).toMatchObject({ work: { applying: null, error: ERROR }, identity: { applied: {} } });
    expect(reach(failed, { type: 'choose', by: 1 }).work.error).toBeNull();
  });

  it('cannot be run by a role that does not own the table', () => {
    const rows = MANY_IDENTITIES.map((row) => ({ ...row, owner: 'dba' }));
    const theirs = reach(here, { type: 'rerun' }, { type: 'identities', rows });
    const refused = reach(theirs, { type: 'apply' });
    expect(refused.overlay).toBeNull();
    expect(refused.notice?.text).toBe('public.sessions: role dba owns it and must run the SQL: s saves it');
    // What needs no SQL can be decided all the same; then nothing but these is left.
    const rest = reach(theirs, { type: 'apply-all' });
    expect(rest.overlay).toMatchObject({ kind: 'question', title: 'Is that so?' });
    const left = reach(rest, { type: 'yes' }, { type: 'apply-all' });
    expect(left.overlay).toBeNull();
    expect(left.notice?.text).toContain('role dba owns it');
  });

  it('can be saved instead: what is open and has SQL', () => {
    const { effects } = play(here, { type: 'save-identities' });
    expect(effects).toMatchObject([
      {
        do: 'save-identities',
        choices: [{ kind: 'index' }, { kind: 'create-index' }, { kind: 'full' }, { kind: 'full' }],
      },
    ]);
    const saved = reach(here, { type: 'identities-saved', path: '/w/replica-identity.sql' });
    expect(saved.notice?.text).toContain('/w/replica-identity.sql');
    expect(saved.work.saved).toBe('/w/replica-identity.sql');
  });
});
