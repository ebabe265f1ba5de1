import { Box } from 'ink';
import type { ReactNode } from 'react';
import { Text } from './text.tsx';

export interface Tab {
  readonly id: string;
  readonly title: string;
  /** What stands behind the title: marks and counts. */
  readonly note?: ReactNode;
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
