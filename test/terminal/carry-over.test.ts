import { describe, expect, it } from 'vitest';
import type { DefinitionChange } from '../../src/engine/events.ts';
import type { Model } from '../../src/state/model.ts';
import { answers, messageFor } from '../../src/ui/key-table.ts';
import { tablesFor } from '../../src/ui/keys/tables.ts';
import { attached, ERROR, event, play, reach } from './model-play.ts';

const change = (name: string, when: DefinitionChange['when'], ...sql: string[]): DefinitionChange => ({
  ...{ key: name, object: `view public.${name}`, what: `view public.${name} was changed: definition` },
  ...{ sql, at_once: when === 'cutover' ? ['SELECT 0'] : [], when },
});
const told = reach(
  attached,
  event({ type: 'phase', phase: 'replay' }),
  event({
    type: 'definition_changes',
    changes: [
      change('now', 'now', 'SELECT 1', 'SELECT 2'),
      change('late', 'cutover', 'SELECT 3'),
      change('hand', 'hand'),
    ],
  }),
);

describe('definitions that changed on the source', () => {
  it('are carried over after a yes, which shows every statement that is run', () => {
    const asked = reach(told, { type: 'ask-carry-over' });
    expect(asked.overlay).toMatchObject({ kind: 'question' });
    for (const statement of ['SELECT 0;', 'SELECT 1;', 'SELECT 2;', 'SELECT 3;'])
      expect(JSON.stringify(asked.overlay)).toContain(statement);
    expect(JSON.stringify(asked.overlay)).not.toContain('public.hand');
    expect(play(asked, { type: 'close-overlay' }).effects).toEqual([]);
    // What comes in meanwhile was not shown, and is not run.
    const more = reach(asked, event({ type: 'definition_changes', changes: [change('newer', 'now', 'SELECT 4')] }));
    expect(play(more, { type: 'yes' }).effects).toMatchObject([
      { do: 'carry-over', changes: [{ key: 'now' }, { key: 'late' }] },
    ]);
    const answer = (error: typeof ERROR | null) => reach(told, { type: 'carried-over', error }).notice;
    expect(answer(null)).toMatchObject({ tone: 'info' });
    expect(answer(ERROR)).toEqual({ tone: 'fail', text: 'TM1104 wrong password' });
  });

  it('have a key in the list of changes, only where there is a statement and this screen may command', () => {
    const sent = (model: Model) => messageFor({ key: 'a', text: 'a' }, model, tablesFor(model));
    const read = (model: Model) => reach(model, { type: 'read', reader: 'changes' });
    expect(sent(told)).toBeNull();
    expect(sent(read(told))).toEqual({ type: 'ask-carry-over' });
    expect(sent({ ...read(told), engine: { ...told.engine, readonly: true } })).toBeNull();
    const byHand = reach(told, event({ type: 'definition_changes', changes: [change('hand', 'hand')] }));
    expect(reach(byHand, { type: 'ask-carry-over' })).toMatchObject({ overlay: null, notice: { tone: 'locked' } });
  });

  it('are read with D, which opens for them alone', () => {
    const sent = (model: Model) => messageFor({ key: 'D', text: 'D' }, model, tablesFor(model));
    expect(sent(told)).toEqual({ type: 'read', reader: 'changes' });
    const none = reach(told, event({ type: 'definition_changes', changes: [] }));
    const isOffered = (model: Model) =>
      tablesFor(model).some(({ bindings }) => bindings.some((one) => one.keys.includes('D') && answers(one, model)));
    expect([told, none].map(isOffered)).toEqual([true, false]);
  });
});
