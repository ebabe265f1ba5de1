import { render } from 'ink-testing-library';
import { describe, expect, test } from 'vitest';
import { statusLines, statusOf } from '../../src/commands/status.ts';
import { foldProgress } from '../../src/engine/progress.ts';
import { DoneScreen } from '../../src/screens/done.tsx';
import { formatLine } from '../../src/terminal/line-printer.ts';
import { createTheme, ThemeContext } from '../../src/ui/theme.ts';
import { EVERY_SCREEN } from './every-screen.ts';

const done = (roles?: string[]) => ({
  ...{ type: 'done' as const, summary: ['2 tables'], downtime_ms: 3200, time: '2026-01-01T00:00:00.000Z' },
  ...(roles ? { roles_without_password: roles } : {}),
});

function screen(roles?: string[]): string {
  const model = Object.values(EVERY_SCREEN).find(({ engine }) => engine.progress !== null);
  const progress = model?.engine.progress;
  if (!model || !progress) throw new Error('no screen with a migration');
  const ended = { ...model, engine: { ...model.engine, progress: foldProgress(progress, done(roles)) } };
  const { lastFrame, unmount } = render(
    <ThemeContext.Provider value={createTheme({ LANG: 'C', NO_COLOR: '1' })}>
      <DoneScreen model={ended} size={{ columns: 100, rows: 30 }} />
    </ThemeContext.Provider>,
  );
  const frame = lastFrame() ?? '';
  unmount();
  return frame;
}

const STEP = /Roles come without passwords: set them on the target for owner, "App x"/;

describe('roles that came without passwords', () => {
  test('stand first under Next on the last screen, and nothing does when there are none', () => {
    const frame = screen(['owner', 'App x']);
    const next = frame.slice(frame.indexOf('Next')).replaceAll(/\s+/g, ' ');
    expect(next).toMatch(/^Next \S+ Roles come without passwords: set them on the target for owner, "App x"/);
    expect(next).toContain(`ALTER ROLE "owner" PASSWORD`);
    expect(next).toContain('\\password owner');
    expect(screen([])).not.toContain('passwords');
    expect(screen()).not.toContain('passwords');
  });

  test('are named in the lines at the end of a migration', () => {
    expect(formatLine(done(['owner', 'App x']))).toMatch(STEP);
    expect(formatLine(done())).not.toContain('passwords');
  });

  test('are named by status, and told to scripts', () => {
    const progress = Object.values(EVERY_SCREEN).find(({ engine }) => engine.progress !== null)?.engine.progress;
    if (!progress) throw new Error('no screen with a migration');
    const told = foldProgress(progress, done(['owner', 'App x']));
    expect(statusLines(told, null).join('\n')).toMatch(STEP);
    expect(statusOf(told, null)).toMatchObject({ roles_without_password: ['owner', 'App x'] });
    expect(statusLines(progress, null).join('\n')).not.toContain('passwords');
  });
});
