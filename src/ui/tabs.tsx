import { Box } from 'ink';
import type { ReactNode } from 'react';
import { Text } from './text.tsx';

export interface Tab {
  readonly id: string;
  readonly title: string;
  /** What stands behind the title: marks and counts. */
  readonly note?: ReactNode;
}

/** Brackets around every title, and a gap between two. */
const AROUND = 3;

/** The first of several sets of titles, the longest first, for which there is room beside the notes; else the last. */
export function fittingTitles(sets: readonly (readonly string[])[], notes: number, width: number): readonly string[] {
  const fits = (titles: readonly string[]): boolean =>
    titles.reduce((sum, title) => sum + [...title].length + AROUND, notes - 1) <= width;
  return sets.find(fits) ?? sets.at(-1) ?? [];
}

/** Tabs in one line; the one that is shown stands in brackets as well as in inverse video. */
export function Tabs({ tabs, active }: { tabs: readonly Tab[]; active: string }) {
  return (
    <Box height={1} flexShrink={0} overflow="hidden">
      {tabs.map((tab, at) => (
        <Box key={tab.id} marginLeft={at === 0 ? 0 : 1} flexShrink={0}>
          <Text wrap="truncate" bold={tab.id === active} tone={tab.id === active ? 'accent' : 'muted'}>
            {tab.id === active ? `[${tab.title}]` : ` ${tab.title} `}
          </Text>
          {tab.note}
        </Box>
      ))}
    </Box>
  );
}
