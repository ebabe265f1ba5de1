import { Box } from 'ink';
import type { ErrorReport } from '../errors/migrate-error.ts';
import { Paragraph } from './heading.tsx';
import { Mark } from './status.tsx';
import { Text } from './text.tsx';
import { wrapLines } from './wrap.ts';

const whereOf = ({ side, object }: ErrorReport): string => [side, object].filter(Boolean).join(', ');

/** How many lines an error takes in `width` cells. */
export function errorLines(error: ErrorReport, width: number): number {
  const where = whereOf(error);
  const first = `x ${error.code} ${where === '' ? '' : `${where}: `}${error.message}`;
  return wrapLines(first, width).length + wrapLines(error.hint, width - 2).length;
}

/** `TM1104 source, shop: wrong password` and what to do next below. */
export function ErrorBlock({ error, indent = 0 }: { error: ErrorReport; indent?: number }) {
  const where = whereOf(error);
  return (
    <Box flexDirection="column" marginLeft={indent} flexShrink={0}>
      <Paragraph>
        <Mark status="fail" />
        <Text tone="fail" bold>{` ${error.code} `}</Text>
        {where === '' ? '' : `${where}: `}
        {error.message}
      </Paragraph>
      <Box marginLeft={2}>
        <Paragraph tone="muted">{error.hint}</Paragraph>
      </Box>
    </Box>
  );
}
