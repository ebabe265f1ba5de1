import { describe, expect, it } from 'vitest';
import { nextSteps } from '../../src/engine/next-steps.ts';
import type { Model } from '../../src/state/model.ts';
import { messageFor } from '../../src/ui/key-table.ts';
import { tablesFor } from '../../src/ui/keys/tables.ts';
import { attached, ERROR, event, play, reach } from './model-play.ts';
import { SOURCE_URI, TARGET_URI } from './shop.ts';

const doneWith = (source_read_only: boolean): Model =>
  reach(
    attached,
    event({ type: 'done', downtime_ms: 100, summary: [], source_read_only }),
    event({ type: 'phase', phase: 'done' }),
  );
const left = reach(doneWith(true), { type: 'closed', error: null });
const pressed = (model: Model) => messageFor({ key: 'u', text: 'u' }, model, tablesFor(model));

describe('the source of a finished migration', () => {
  it('takes writes again after a yes to what that means', () => {
    expect(pressed(left)).toEqual({ type: 'ask-unfreeze' });
    const asked = reach(left, { type: 'ask-unfreeze' });
    const text = JSON.stringify(asked.overlay);
    for (const part of ['RESET default_transaction_read_only', 'h/s', 'not on the target'])
      expect(text).toContain(part);
    expect(play(asked, { type: 'close-overlay' }).effects).toEqual([]);
    const yes = play(asked, { type: 'yes' });
    expect(yes.effects).toEqual([{ do: 'unfreeze', connections: { source: SOURCE_URI, target: TARGET_URI } }]);

    const refused = reach(yes.model, { type: 'unfrozen', error: ERROR });
    expect(refused.notice).toMatchObject({ tone: 'fail', text: expect.stringContaining('clean --unfreeze') });
    expect(pressed(refused)).toEqual({ type: 'ask-unfreeze' });
    const writable = reach(yes.model, { type: 'unfrozen', error: null });
    expect(nextSteps(writable.engine.progress?.source_read_only ?? null, 'u').at(-1)).toContain('takes writes');
    expect(pressed(writable)).toBeNull();
  });

  it('is left as it is by a screen that only looks, and where nothing was frozen', () => {
    expect(pressed({ ...left, watch: true })).toBeNull();
    expect(pressed(reach(doneWith(false), { type: 'closed', error: null }))).toBeNull();
  });

  it('waits for the engine that compresses: it would tell the old state again', () => {
    const locked = reach(doneWith(true), { type: 'ask-unfreeze' });
    expect(locked).toMatchObject({ overlay: null, notice: { tone: 'locked' } });
  });
});
