import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Notice } from '../state/model.ts';
import type { RailStep } from '../state/steps-of-rail.ts';
import type { Size } from '../terminal/use-size.ts';
import { fitPair } from './fit.ts';
import { Rail, railWords } from './rail.tsx';
import { type Status, statusSign, statusTone } from './status.tsx';
import { Text } from './text.tsx';
import { useTheme } from './theme.ts';
import { wrapLines } from './wrap.ts';

/** Below this the frame keeps to what is needed. */
export const isCompact = ({ columns, rows }: Size): boolean => columns < 80 || rows < 20;

/** Below this there is no room for a frame. */
const isTiny = ({ columns, rows }: Size): boolean => columns < 40 || rows < 10;

const MOST_NOTICE = 3;
/** A notice takes no more than leaves this for the body. */
const LEAST_BODY = 6;

/** The cells that a screen's body has, beside a notice of so many lines. */
export function bodySize(size: Size, noticeLines = 1): Size {
  const chrome = (isCompact(size) ? 3 : 5) + noticeLines;
  return { columns: Math.max(20, size.columns - 2), rows: Math.max(3, size.rows - chrome) };
}

/** The notice over as many lines as it needs and there are: what to do may stand at its end. One line is always there. */
export function noticeLines(notice: Notice | null, size: Size): readonly string[] {
  if (!notice) return [''];
  const room = 1 + Math.max(0, Math.min(MOST_NOTICE - 1, bodySize(size).rows - LEAST_BODY));
  const lines = wrapLines(`${NOTICE[notice.tone].word}${notice.text}`, size.columns - 4);
  return lines.length <= room ? lines : [...lines.slice(0, room - 1), lines.slice(room - 1).join(' ')];
}

export interface FrameProps {
  readonly size: Size;
  readonly source: string;
  readonly target: string;
  /** What the engine is doing, in a word or two. */
  readonly state: string;
  readonly stateStatus: Status;
  readonly now: number;
  readonly step: RailStep;
  readonly ended: boolean;
  readonly notice: Notice | null;
  readonly footer: ReactNode;
  readonly children: ReactNode;
}

const NOTICE: Record<Notice['tone'], { status: Status; word: string }> = {
  info: { status: 'info', word: '' },
  locked: { status: 'warn', word: 'locked: ' },
  fail: { status: 'fail', word: '' },
};

function NoticeLines({ notice, lines, width }: { notice: Notice | null; lines: readonly string[]; width: number }) {
  const { symbol } = useTheme();
  const status = notice ? NOTICE[notice.tone].status : 'info';
  return (
    <Box flexDirection="column" height={lines.length} width={width} flexShrink={0} overflow="hidden">
      {lines.map((line, at) => (
        <Text key={line} wrap="truncate-end" tone={statusTone(status)}>
          {notice ? `${at === 0 ? statusSign(status, symbol, 0) : ' '} ${line}` : ' '}
        </Text>
      ))}
    </Box>
  );
}

/** Both ends give way alike when there is too little room for them. */
function TitleWords({ source, target, width }: { source: string; target: string; width: number }) {
  const { symbol } = useTheme();
  if (source === '') return <Text bold>Tiger Cloud migration</Text>;
  const [from, to] = fitPair(source, target, width - symbol.arrow.length - 2, symbol.ellipsis);
  return (
    <Text>
      <Text bold>{from}</Text>
      <Text tone="accent">{` ${symbol.arrow} `}</Text>
      <Text bold>{to}</Text>
    </Text>
  );
}

function TooSmall({ size, state, step }: FrameProps) {
  return (
    <Box flexDirection="column" width={size.columns} height={size.rows} overflow="hidden">
      <Text>{`${step}: ${state}`}</Text>
      <Text tone="muted">{`needs 40x10, has ${size.columns}x${size.rows}`}</Text>
    </Box>
  );
}

/** Title, rail, body, the answer to the last key, keys. Exactly as high and wide as the terminal. */
export function Frame(props: FrameProps) {
  const { size, notice, footer, children, step } = props;
  const { symbol } = useTheme();
  if (isTiny(size)) return <TooSmall {...props} />;
  const compact = isCompact(size);
  const width = size.columns - 2;
  const said = noticeLines(notice, size);
  const body = bodySize(size, said.length);
  const state = `${statusSign(props.stateStatus, symbol, props.now)} ${props.state}`;
  return (
    <Box flexDirection="column" width={size.columns} height={size.rows} paddingX={1} overflow="hidden">
      <Box height={1} width={width} flexShrink={0} justifyContent="space-between">
        <TitleWords source={props.source} target={props.target} width={width - state.length - 2} />
        <Box flexShrink={0} marginLeft={2}>
          <Text tone={statusTone(props.stateStatus)}>{state}</Text>
        </Box>
      </Box>
      {compact ? (
        <Box height={1} flexShrink={0}>
          <Text tone="muted" wrap="truncate-end">
            {railWords(step)}
          </Text>
        </Box>
      ) : (
        <>
          <Rail current={step} ended={props.ended} />
          <Box height={1} flexShrink={0}>
            <Text tone="muted">{symbol.rule.repeat(width)}</Text>
          </Box>
        </>
      )}
      <Box flexDirection="column" width={body.columns} height={body.rows} flexShrink={0} overflow="hidden">
        {children}
      </Box>
      {compact ? null : (
        <Box height={1} flexShrink={0}>
          <Text tone="muted">{symbol.rule.repeat(width)}</Text>
        </Box>
      )}
      <NoticeLines notice={notice} lines={said} width={width} />
      {footer}
    </Box>
  );
}
