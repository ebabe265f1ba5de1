import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { ErrorReport } from '../errors/migrate-error.ts';
import { formatNumberOf } from '../terminal/format.ts';
import { Mark } from './status.tsx';
import { Text } from './text.tsx';
import { wrapLines } from './wrap.ts';

const whereOf = ({ side, object }: ErrorReport): string => [side, object].filter(Boolean).join(', ');

const messageLines = (error: ErrorReport, width: number): string[] => {
  const where = whereOf(error);
  return wrapLines(`x ${error.code} ${where === '' ? '' : `${where}: `}${error.message}`, width);
};

/** How many lines an error takes in `width` cells. */
export const errorLines = (error: ErrorReport, width: number): number =>
  messageLines(error, width).length + wrapLines(error.hint, width - 2).length;

/** `TM1104 source, shop: wrong password` and what to do next below, line by line. */
export function errorNodes(error: ErrorReport, width: number): ReactNode[] {
  const head = `x ${error.code} `;
  return [
    ...messageLines(error, width).map((line, at) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
      <Text key={at}>
        {at === 0 ? (
          <>
            <Mark status="fail" />
            <Text tone="fail" bold>{` ${error.code} `}</Text>
            {line.slice(head.length)}
          </>
        ) : (
          line
        )}
      </Text>
    )),
    ...wrapLines(error.hint, width - 2).map((line) => (
      <Text key={`hint ${line}`} tone="muted">
        {`  ${line}`}
      </Text>
    )),
  ];
}

/** As many of the lines as there is room for; the last one says how many are left, and which key shows them. */
export function fitLines(lines: readonly ReactNode[], room: number, key: string): readonly ReactNode[] {
  if (lines.length <= room) return lines;
  const left = lines.length - Math.max(0, room - 1);
  return [
    ...lines.slice(0, Math.max(0, room - 1)),
    <Text key="left" tone="muted" wrap="truncate-end">
      {`${formatNumberOf(left, 'more line')}: ${key} shows all`}
    </Text>,
  ].slice(0, Math.max(0, room));
}

/** An error over as many lines as it needs, or as there are. */
export function ErrorBlock(props: { error: ErrorReport; width: number; indent?: number; room?: number }) {
  const { error, width, indent = 0, room = Number.POSITIVE_INFINITY } = props;
  return (
    <Box flexDirection="column" marginLeft={indent} flexShrink={0}>
      {fitLines(errorNodes(error, width - indent), room, 'v').map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Box key={at} height={1} flexShrink={0}>
          {line}
        </Box>
      ))}
    </Box>
  );
}
