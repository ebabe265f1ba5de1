import { Box } from 'ink';
import type { ReactNode } from 'react';
import { ERROR_KINDS } from '../errors/codes.ts';
import type { ErrorReport } from '../errors/migrate-error.ts';
import type { Model } from '../state/model.ts';
import type { Size } from '../terminal/use-size.ts';
import { Mark } from '../ui/status.tsx';
import { Text } from '../ui/text.tsx';
import { wrapLines } from '../ui/wrap.ts';
import { ScrolledLines } from './scrolled-lines.tsx';

/** The error that ended it: the engine's own, or that of reaching the engine. */
export const failure = (model: Model): ErrorReport | null =>
  model.engine.progress?.error ?? model.engine.trouble?.error ?? model.engine.closed;

/** Whether, and how, it can go on. */
const outlook = (error: ErrorReport): string =>
  ERROR_KINDS[error.code].policy === 'stop'
    ? 'It cannot go on by itself. When the cause is put right, r tries to take it up where it stopped.'
    : 'Nothing that was copied or applied is lost: when the cause is put right, r goes on where it stopped.';

const LABEL = 12;

/** A label and its text over as many lines as it needs. */
const labelled = (label: string, text: string, width: number): ReactNode[] =>
  wrapLines(text, width - LABEL).map((line, at) => (
    <Box key={`${label} ${line}`} flexShrink={0}>
      <Box width={LABEL} flexShrink={0}>
        <Text tone="muted">{at === 0 ? label : ''}</Text>
      </Box>
      <Text>{line}</Text>
    </Box>
  ));

/** What happened, on which side, to which object, and what to do next; it scrolls where it does not fit. */
export function FailedScreen({ model, size }: { model: Model; size: Size }) {
  const error = failure(model);
  const width = size.columns;
  const lines: ReactNode[] = error
    ? [
        ...wrapLines(`x ${error.code} ${ERROR_KINDS[error.code].title}`, width).map((line, at) => (
          <Text key={line} bold tone="fail">
            {at === 0 ? <Mark status="fail" /> : null}
            {at === 0 ? line.slice(1) : line}
          </Text>
        )),
        '',
        ...labelled('what', error.message, width),
        ...labelled('where', error.side ?? 'local', width),
        ...(error.object === undefined ? [] : labelled('object', error.object, width)),
        '',
        ...labelled('to do', error.hint, width),
        '',
        ...wrapLines(model.engine.progress !== null ? outlook(error) : 'Nothing was started.', width).map((line) => (
          <Text key={line} tone="muted">
            {line}
          </Text>
        )),
      ]
    : [
        <Text key="failed" tone="fail">
          <Mark status="fail" /> The migration has failed; the log says more.
        </Text>,
      ];
  return <ScrolledLines lines={lines} reading={model.reading} height={size.rows} width={width} />;
}
