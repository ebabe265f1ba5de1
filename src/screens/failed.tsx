import { Box } from 'ink';
import type { ReactNode } from 'react';
import { ERROR_KINDS } from '../errors/codes.ts';
import type { ErrorReport } from '../errors/migrate-error.ts';
import type { Model } from '../state/model.ts';
import { Gap, Paragraph } from '../ui/heading.tsx';
import { Mark } from '../ui/status.tsx';
import { Text } from '../ui/text.tsx';

/** The error that ended it: the engine's own, or that of reaching the engine. */
export const failure = (model: Model): ErrorReport | null =>
  model.engine.progress?.error ?? model.engine.trouble?.error ?? model.engine.closed;

/** Whether, and how, it can go on. */
const outlook = (error: ErrorReport): string =>
  ERROR_KINDS[error.code].policy === 'stop'
    ? 'It cannot go on by itself. When the cause is put right, r tries to take it up where it stopped.'
    : 'Nothing that was copied or applied is lost: when the cause is put right, r goes on where it stopped.';

function Line({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Box flexShrink={0}>
      <Box width={12} flexShrink={0}>
        <Text tone="muted">{label}</Text>
      </Box>
      <Box flexGrow={1} flexShrink={1}>
        <Text wrap="wrap">{children}</Text>
      </Box>
    </Box>
  );
}

/** What happened, on which side, to which object, and what to do next. */
export function FailedScreen({ model }: { model: Model }) {
  const error = failure(model);
  if (!error) {
    return (
      <Text tone="fail">
        <Mark status="fail" /> The migration has failed; the log says more.
      </Text>
    );
  }
  const known = model.engine.progress !== null;
  return (
    <Box flexDirection="column">
      <Paragraph bold tone="fail">
        <Mark status="fail" />
        {` ${error.code} ${ERROR_KINDS[error.code].title}`}
      </Paragraph>
      <Gap />
      <Line label="what">{error.message}</Line>
      <Line label="where">{error.side ?? 'local'}</Line>
      {error.object === undefined ? null : <Line label="object">{error.object}</Line>}
      <Gap />
      <Line label="to do">{error.hint}</Line>
      <Gap />
      <Paragraph tone="muted">{known ? outlook(error) : 'Nothing was started.'}</Paragraph>
    </Box>
  );
}
