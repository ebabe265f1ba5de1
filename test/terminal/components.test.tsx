import { render } from 'ink-testing-library';
import type { ReactNode } from 'react';
import { describe, expect, test } from 'vitest';
import { ProgressBar } from '../../src/ui/progress-bar.tsx';
import { Rail } from '../../src/ui/rail.tsx';
import { Tabs } from '../../src/ui/tabs.tsx';
import { createTheme, ThemeContext } from '../../src/ui/theme.ts';

const frameOf = (element: ReactNode, env: Record<string, string> = { LANG: 'C', NO_COLOR: '1' }): string => {
  const { lastFrame, unmount } = render(
    <ThemeContext.Provider value={createTheme(env)}>{element}</ThemeContext.Provider>,
  );
  const frame = lastFrame() ?? '';
  unmount();
  return frame;
};

describe('components: props in, frame out', () => {
  test('a bar is empty only at nothing and full only at all', () => {
    const cells = (share: number) => frameOf(<ProgressBar share={share} width={10} />);
    const [nothing, little, nearly, all] = [cells(0), cells(0.001), cells(0.999), cells(1)];
    expect(new Set([nothing, little, nearly, all]).size).toBe(4);
    expect([nothing, little, nearly, all].map((frame) => frame.length)).toEqual([10, 10, 10, 10]);
    expect(new Set(nothing).size).toBe(1);
    expect(new Set(all).size).toBe(1);
  });

  test('the shown tab is told without colour', () => {
    const tabs = [
      { id: 'a', title: 'Self-hosted' },
      { id: 'b', title: 'RDS' },
    ];
    expect(frameOf(<Tabs tabs={tabs} active="b" />)).toBe(' Self-hosted  [RDS]');
  });

  test('the rail marks what is done, where one is, and what is to come', () => {
    const rail = frameOf(<Rail current="Checks" ended={false} />, { LANG: 'C.UTF-8', NO_COLOR: '1' });
    expect(rail).toMatch(/✓ Connect ▸ Checks · Identity/);
    const ended = frameOf(<Rail current="Done" ended={true} />, { LANG: 'C.UTF-8', NO_COLOR: '1' });
    expect(ended.match(/✓/g)).toHaveLength(8);
  });
});
