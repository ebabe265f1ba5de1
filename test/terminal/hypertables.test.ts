import { describe, expect, it } from 'vitest';
import { hypertableFor } from '../../src/engine/timescale/hypertable-option.ts';
import { farewell } from '../../src/state/farewell.ts';
import { nextLock } from '../../src/state/gates.ts';
import type { Message } from '../../src/state/messages.ts';
import type { Model } from '../../src/state/model.ts';
import { selectedHypertable } from '../../src/state/steps/hypertables.ts';
import { textField } from '../../src/state/text-field.ts';
import { ERROR, passed, play, reach } from './model-play.ts';
import { openWizard } from './open-wizard.ts';
import { CHECKS, SOURCE_URI, TARGET_REPORT, TARGET_URI } from './shop.ts';
import { HYPERTABLES } from './shop-hypertables.ts';

/** What the source answers to the last question. */
const answer = (model: Model): Message => ({
  type: 'hypertables',
  run: model.hypertables.run,
  rows: HYPERTABLES.map((row) => ({
    ...row,
    chosen: hypertableFor(model.options.hypertables, row.option) !== undefined,
  })),
});
const answered = (model: Model): Model => reach(model, answer(model));
const identity = reach(passed(), { type: 'next' }, { type: 'identities', rows: [] });
const here = answered(reach(identity, { type: 'next' }));

describe('the hypertables of the wizard', () => {
  it('come between replica identity and plan, back and forth', () => {
    expect(here.screen).toBe('hypertables');
    const plan = reach(here, { type: 'next' });
    expect(plan.screen).toBe('plan');
    expect(reach(plan, { type: 'back' }).screen).toBe('hypertables');
    expect(reach(here, { type: 'back' }).screen).toBe('identity');
  });

  it.each([
    [
      'the target has no TimescaleDB',
      {
        ...identity,
        connect: {
          ...identity.connect,
          target: {
            ...identity.connect.target,
            probe: { state: 'ok' as const, report: { ...TARGET_REPORT, timescaledb: null } },
          },
        },
      },
    ],
    ['the source has hypertables itself', { ...identity, provider: 'mst' as const }],
  ])('are left out where %s', (_, model) => {
    const plan = reach(model, { type: 'next' });
    expect(plan.screen).toBe('plan');
    expect(reach(plan, { type: 'back' }).screen).toBe('identity');
  });

  it('are chosen one by one, and taken back; what is chosen is looked at anew', () => {
    const { model, effects } = play(here, { type: 'toggle' });
    expect(model.options.hypertables).toEqual([HYPERTABLES[0]?.option]);
    expect(effects).toMatchObject([
      { do: 'load-hypertables', input: { options: { hypertables: model.options.hypertables } }, run: 2 },
    ]);
    expect(nextLock(model)).toBe('looking at the tables');
    // An answer to what was asked before says nothing about it.
    expect(nextLock(reach(model, { ...answer(here), type: 'hypertables', run: 1, rows: [] }))).toBe(
      'looking at the tables',
    );
    expect(nextLock(answered(model))).toBeNull();
    expect(reach(answered(model), { type: 'toggle' }).options.hypertables).toEqual([]);
  });

  it('lock while something hinders one that is chosen', () => {
    const hindered = answered(reach(here, { type: 'move', by: 1 }, { type: 'toggle' }));
    expect(nextLock(hindered)).toBe(
      'something hinders public.events: a mends it, or v says how; Space leaves a table as it is',
    );
    expect(reach(hindered, { type: 'next' })).toMatchObject({ screen: 'hypertables', notice: { tone: 'locked' } });
    expect(nextLock(answered(reach(hindered, { type: 'toggle' })))).toBeNull();
  });

  it('take column, interval and hash dimension as text, and say when they do not understand it', () => {
    const editing = reach(here, { type: 'edit-row' });
    expect(editing.hypertables.editing?.text).toBe('audit.pageviews=at,1 day');
    expect(nextLock(editing)).toMatch(/^finish the entry first/);
    const typed = (text: string) => ({ ...editing, hypertables: { ...editing.hypertables, editing: textField(text) } });
    expect(reach(typed('audit.pageviews'), { type: 'next' })).toMatchObject({ notice: { tone: 'fail' } });
    const taken = reach(typed('audit.pageviews=at,12 hours,hash:visitor:4'), { type: 'next' });
    expect(taken.options.hypertables).toEqual([
      {
        schema: 'audit',
        name: 'pageviews',
        column: 'at',
        interval: '12 hours',
        hash: { column: 'visitor', partitions: 4 },
        compress: null,
      },
    ]);
    expect(reach(editing, { type: 'back' })).toMatchObject({ screen: 'hypertables', hypertables: { editing: null } });
  });

  it('leave out keys that no hypertable can have after a yes, keep them without, and look again', () => {
    const asked = reach(here, { type: 'move', by: 1 }, { type: 'toggle' }, { type: 'omit-keys' });
    expect(asked.options.skipHypertableIncompatibleObjects).toBe(false);
    expect(asked.overlay).toMatchObject({
      lines: expect.arrayContaining(['primary key events_pkey of public.events']),
    });
    const { model, effects } = play(asked, { type: 'yes' });
    expect(model.options.skipHypertableIncompatibleObjects).toBe(true);
    expect(effects).toMatchObject([{ do: 'load-hypertables' }]);
    expect(selectedHypertable(model)?.relation).toBe('public.events');
    expect(reach(model, { type: 'omit-keys' }).options.skipHypertableIncompatibleObjects).toBe(false);
  });

  it('are compressed on the target only when that is asked, as it is proposed', () => {
    const compressed = reach(here, { type: 'compress' });
    expect(compressed.options.hypertables).toEqual([
      { ...HYPERTABLES[0]?.option, compress: { after: '7 days', segmentby: ['site'] } },
    ]);
    const not = reach(compressed, { type: 'compress' });
    expect(not.options.hypertables).toEqual([HYPERTABLES[0]?.option]);
    expect(reach(not, { type: 'compress' }).options.hypertables).toEqual(compressed.options.hypertables);
  });

  describe('mend on the source what can be mended from here', () => {
    const events = reach(here, { type: 'move', by: 1 });

    it('after a yes that shows the SQL and what the target is left without; then it is looked at again', () => {
      const asked = reach(events, { type: 'apply' });
      if (asked.overlay?.kind !== 'question') throw new Error('no question');
      const lines = asked.overlay.lines.join('\n');
      expect(lines).toContain(
        'The target is left without: primary key events_pkey of public.events, foreign key tenant_fkey of public.events.',
      );
      expect(lines).toContain(
        'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "events_id_created_at_identity" ON "public"."events" ("id", "created_at");',
      );
      expect(asked.options).toMatchObject({ hypertables: [], skipHypertableIncompatibleObjects: false });
      const { model, effects } = play(asked, { type: 'yes' });
      expect(effects).toMatchObject([{ do: 'apply-identities', choices: [{ kind: 'create-index' }] }]);
      expect(model.options).toMatchObject({
        hypertables: [HYPERTABLES[1]?.option],
        skipHypertableIncompatibleObjects: true,
      });
      expect(nextLock(model)).toBe('the choice for public.events is being applied');
      expect(play(model, { type: 'cancel-identities' }).effects).toEqual([{ do: 'cancel-identities' }]);
      const choice = HYPERTABLES[1]?.remedy?.choices[0];
      if (!choice) throw new Error('no choice');
      const done = play(model, { type: 'identity-applied', choice, error: null });
      expect(done.effects).toMatchObject([{ do: 'load-hypertables' }]);
      expect(done.model).toMatchObject({ work: { applying: null }, identity: { applied: {} } });
      expect(farewell(done.model, 'x')[0]).toContain('tiger-migrate-tui clean takes it back');
      const failed = play(model, { type: 'identity-applied', choice, error: ERROR });
      expect(failed).toMatchObject({ model: { work: { error: ERROR } }, effects: [] });
    });

    it('in another way, or as a file for somebody else', () => {
      const full = reach(events, { type: 'choose', by: 1 });
      expect(play(full, { type: 'save-identities' }).effects).toMatchObject([
        { do: 'save-identities', choices: [{ kind: 'full', relation: 'public.events' }] },
      ]);
      expect(play(reach(full, { type: 'apply' }), { type: 'yes' }).effects).toMatchObject([
        { choices: [{ kind: 'full' }] },
      ]);
    });

    it('not where nothing need be done', () => {
      expect(reach(here, { type: 'apply' })).toMatchObject({
        overlay: null,
        notice: { text: 'audit.pageviews: nothing need be done on the source' },
      });
    });
  });

  it('say why they could not be read', () => {
    const failed = reach(here, { type: 'hypertables-failed', run: here.hypertables.run, error: ERROR });
    expect(nextLock(failed)).toBe('the tables could not be read: wrong password');
  });
});

it('the wizard starts the migration with the hypertables that were chosen', async () => {
  const checks = CHECKS.map((check) => ({ ...check, status: 'pass' as const }));
  const prefill = { source: SOURCE_URI, target: TARGET_URI };
  const wizard = openWizard({ prefill, checks, identities: [] });
  await wizard.shows('18 ms away');
  wizard.press('enter');
  await wizard.shows(/0 failed/);
  wizard.press('enter');
  await wizard.shows('every table has a replica identity');
  wizard.press('enter');
  await wizard.shows('none of 3 tables chosen');
  wizard.press({ type: ' ' });
  await wizard.shows('1 of 3 tables chosen');
  wizard.press('enter');
  await wizard.shows('14 tables, 296MiB');
  expect(wizard.services.calls.filter((call) => call.startsWith('hypertables'))).toEqual([
    'hypertables ',
    'hypertables audit.pageviews=at,1 day',
  ]);
  wizard.press('ctrlC');
  await wizard.ended;
});
