import { Box } from 'ink';
import { RAIL_STEPS, type RailStep } from '../state/steps-of-rail.ts';
import { Text } from './text.tsx';
import { useTheme } from './theme.ts';

/** Where the migration stands: `✓ Connect  ▸ Checks  · Identity  · Plan …` */
export function Rail({ current, ended }: { current: RailStep; ended: boolean }) {
  const { symbol } = useTheme();
  const at = RAIL_STEPS.indexOf(current);
  return (
    <Box height={1} flexShrink={0} overflow="hidden">
      {RAIL_STEPS.map((name, index) => {
        const done = index < at || ended;
        const here = index === at && !ended;
        return (
          <Box key={name} marginRight={1} flexShrink={0}>
            <Text bold={here} tone={here ? 'accent' : done ? 'ok' : 'muted'}>
              {`${done ? symbol.pass : here ? symbol.here : symbol.pending} ${name}`}
            </Text>
          </Box>
        );
      })}
    </Box>
  );
}

/** The same in a few letters, for narrow terminals: `step 6 of 8: Replay`. */
export const railWords = (current: RailStep): string =>
  `step ${RAIL_STEPS.indexOf(current) + 1} of ${RAIL_STEPS.length}: ${current}`;
