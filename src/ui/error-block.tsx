import { Box } from 'ink';
import type { ErrorReport } from '../errors/migrate-error.ts';
import { Paragraph } from './heading.tsx';
import { Mark } from './status.tsx';
import { Text } from './text.tsx';

/** `TM1104 source, shop: wrong password` and what to do next below. */
export function ErrorBlock({ error, indent = 0 }: { error: ErrorReport; indent?: number }) {
  const where = [error.side, error.object].filter(Boolean).join(', ');
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
