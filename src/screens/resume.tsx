import { Box } from 'ink';
import type { ReactNode } from 'react';
import { copyTotals } from '../engine/progress.ts';
import { holdsPassword, maskConnection } from '../state/connection-text.ts';
import type { Model } from '../state/model.ts';
import { formatBytesShort, formatMoment, formatNumberOf } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { errorNodes } from '../ui/error-block.tsx';
import { Field } from '../ui/field.tsx';
import { Gap, Heading } from '../ui/heading.tsx';
import { Mark } from '../ui/status.tsx';
import { Text } from '../ui/text.tsx';
import { useTheme } from '../ui/theme.ts';
import { wrapLines } from '../ui/wrap.ts';
import { Line, ScrolledLines } from './scrolled-lines.tsx';

const LABEL = 18;
/** The heading and both fields. */
const CHROME = 3;
const GAPS = 3;

/** An unfinished migration: where it stands, and the passwords it needs to go on; with little room the facts scroll. */
export function ResumeScreen({ model, size }: { model: Model; size: Size }) {
  const { symbol } = useTheme();
  const { existing, resume } = model;
  if (!existing) return null;
  const { progress } = existing;
  const totals = copyTotals(progress);
  const rows = [
    ['source', maskConnection(existing.source, symbol.mask)],
    ['target', maskConnection(existing.target, symbol.mask)],
    ['started', progress.started === null ? 'not yet' : formatMoment(progress.started)],
    [
      'stopped in',
      progress.error ? `${progress.phase}: ${progress.error.code} ${progress.error.message}` : progress.phase,
    ],
    [
      'copied',
      `${totals.tables_done} of ${formatNumberOf(totals.tables_total, 'table')}, ${formatBytesShort(totals.bytes_done)} of ${formatBytesShort(totals.bytes_total)}`,
    ],
    ['applied up to', progress.replay.applied_lsn ?? 'nothing yet'],
    ...(progress.as_of === null ? [] : [['as of', formatMoment(progress.as_of)] as const]),
  ] as const;
  const hint = (text: string): string =>
    holdsPassword(text) ? 'in the connection string' : 'or PGPASSFILE; passwords are not kept';
  const facts = rows.map(([label, text]) => (
    <Box key={label} height={1} flexShrink={0} marginLeft={2}>
      <Box width={LABEL} flexShrink={0}>
        <Text tone="muted">{label}</Text>
      </Box>
      <Text wrap="truncate-end">{text}</Text>
    </Box>
  ));
  const goesOn = wrapLines(
    progress.phase === 'done'
      ? 'The migration is done; compression goes on with the chunks that are left. The source is not needed.'
      : 'Tables that are copied stay copied; the others are copied again, and replay goes on where it stood.',
    size.columns,
  );
  const state: ReactNode[] = [
    ...(resume.error ? errorNodes(resume.error, size.columns) : []),
    ...(resume.busy
      ? [
          <Text key="busy">
            <Mark status="running" now={model.now} /> starting the engine where it stopped
          </Text>,
        ]
      : goesOn.map((line) => (
          <Text key={line} tone="muted">
            {line}
          </Text>
        ))),
  ];
  const roomy = facts.length + state.length + CHROME + GAPS <= size.rows;
  const room = size.rows - CHROME;
  return (
    <Box flexDirection="column">
      <Heading
        title="Resume"
        note={
          progress.phase === 'done'
            ? 'the migration is done, the compression of its chunks is not'
            : 'an unfinished migration was found; its engine does not run'
        }
      />
      {roomy ? (
        <>
          <Gap />
          {facts}
          <Gap />
        </>
      ) : (
        <ScrolledLines lines={[...state, ...facts]} reading={model.reading} height={room} width={size.columns} />
      )}
      <Field
        label="source password"
        labelWidth={LABEL}
        field={resume.source}
        kind="password"
        focused={resume.focus === 'source'}
        placeholder={hint(existing.source)}
        width={size.columns}
      />
      <Field
        label="target password"
        labelWidth={LABEL}
        field={resume.target}
        kind="password"
        focused={resume.focus === 'target'}
        placeholder={hint(existing.target)}
        width={size.columns}
      />
      {roomy ? (
        <>
          <Gap />
          {state.map((line, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
            <Line key={at}>{line}</Line>
          ))}
        </>
      ) : null}
    </Box>
  );
}
