import { describe, expect, it } from 'vitest';
import { farewell } from '../../src/state/farewell.ts';
import { initialModel } from '../../src/state/model.ts';
import { footerKeys } from '../../src/ui/footer.tsx';
import { tablesFor } from '../../src/ui/keys/tables.ts';
import { look } from './draw.tsx';
import { EVERY_SCREEN } from './every-screen.ts';
import { attached, play, probed, reach } from './model-play.ts';
import { openWizard } from './open-wizard.ts';
import { CHECKS, SOURCE_URI, TARGET_URI } from './shop.ts';

const demo = { ...attached, isDemo: true };
const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 60, rows: 18 },
  { columns: 40, rows: 12 },
] as const;

describe('the demo', () => {
  it('asks before it ends, and says what goes', () => {
    const asked = play(demo, { type: 'leave' });
    expect(asked.effects).toEqual([]);
    expect(asked.model.exit).toBeNull();
    const { overlay } = asked.model;
    if (overlay?.kind !== 'question') throw new Error('no question');
    expect(overlay.lines.join(' ')).toMatch(
      /servers are stopped.*data is removed.*engine is stopped.*cannot be resumed/,
    );
    const stayed = play(asked.model, { type: 'close-overlay' });
    expect(stayed.model).toMatchObject({ exit: null, overlay: null });
    expect(play(asked.model, { type: 'yes' }).model.exit).toBe(0);
  });

  it('asks once, and a second Ctrl-C waits for no answer', async () => {
    const twice = reach(demo, { type: 'leave' }, { type: 'leave' });
    expect(twice.exit).toBeNull();
    const prefill = { source: SOURCE_URI, target: TARGET_URI };
    const wizard = openWizard({ prefill, checks: CHECKS, wizard: { isDemo: true } });
    await wizard.shows('18 ms away');
    wizard.press('ctrlC');
    await wizard.shows('End the demo?');
    wizard.press('ctrlC');
    expect(await wizard.ended).toBe(130);
    await wizard.shows('The demo has ended: its servers, its engine and their data are gone.');
  });

  it('takes the yes to its end also where another question of as many lines was open', async () => {
    const sql = ['ALTER SYSTEM SET wal_level = logical', 'SELECT pg_reload_conf()'];
    const checks = CHECKS.map((result, at) => ({
      ...result,
      status: at === 1 ? ('fail' as const) : ('pass' as const),
      apply: at === 1 ? ({ side: 'source', sql, restart: false } as const) : null,
    }));
    const prefill = { source: SOURCE_URI, target: TARGET_URI };
    const wizard = openWizard({ prefill, checks, wizard: { isDemo: true } });
    await wizard.shows('18 ms away');
    wizard.press('enter');
    await wizard.shows('1 failed');
    wizard.press({ type: 'a' });
    await wizard.shows('Run this on the source?');
    wizard.press('ctrlC');
    await wizard.shows('End the demo?');
    wizard.press({ type: 'y' });
    expect(await wizard.ended).toBe(130);
  });

  it('waits for an engine that is being started, and leaves then', () => {
    const starting = reach(
      { ...probed, isDemo: true, screen: 'plan' },
      { type: 'start' },
      { type: 'leave' },
      { type: 'yes' },
    );
    expect(starting).toMatchObject({ leaving: true, exit: null });
    const { progress } = attached.engine;
    if (!progress) throw new Error('no progress');
    expect(reach(starting, { type: 'attached', progress, readonly: false }).exit).toBe(0);
  });

  it.each(SIZES)('never says at $columns by $rows that it goes on without the screen', async (size) => {
    for (const [name, model] of Object.entries(EVERY_SCREEN)) {
      // TimescaleDB is not part of it: nothing is compressed.
      if (name.includes('compress')) continue;
      // Its text was made when the question was asked.
      if (name === 'plan, the start') continue;
      const { text } = await look({ ...model, isDemo: true }, size);
      expect(text, name).not.toMatch(/safe to close|goes on without this screen|does not end it|can be resumed with/);
    }
  });

  it('says so before it starts', () => {
    const planned = { ...(EVERY_SCREEN.plan ?? demo), isDemo: true };
    const { overlay } = reach(planned, { type: 'next' });
    if (overlay?.kind !== 'question') throw new Error('no question');
    expect(overlay.lines.at(-1)).toBe('This is a demo: servers and engine end with this screen.');
  });

  it('does not say goodbye as if something could be gone on with', () => {
    for (const model of [
      demo,
      { ...demo, engine: { ...demo.engine, stopped: true } },
      { ...initialModel({ now: 0 }), isDemo: true },
    ]) {
      expect(farewell(model, 'tiger-migrate-tui').join(' ')).not.toMatch(/goes on|Come back|Go on with|resumed/);
    }
    const done = { ...(EVERY_SCREEN.done ?? demo), isDemo: true };
    expect(farewell(done, 'x')[0]).toContain('Migration successfully completed');
  });

  it('calls the key that ends it by that', () => {
    expect(footerKeys(demo, tablesFor(demo), true).at(-1)).toEqual({ key: 'q', label: 'end demo' });
    expect(footerKeys(attached, tablesFor(attached), true).at(-1)).toEqual({ key: 'q', label: 'leave' });
  });
});
