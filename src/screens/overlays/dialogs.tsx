import type { ReactNode } from 'react';
import type { Overlay } from '../../state/model.ts';
import type { Reading } from '../../state/reading.ts';
import { STOP_WORD } from '../../state/steps/overlay.ts';
import type { Size } from '../../terminal/use-size.ts';
import { errorNodes } from '../../ui/error-block.tsx';
import { Gap } from '../../ui/heading.tsx';
import { windowFrom } from '../../ui/list-window.ts';
import { Mark } from '../../ui/status.tsx';
import { Text } from '../../ui/text.tsx';
import { TypedConfirm } from '../../ui/typed-confirm.tsx';
import { wrapLines } from '../../ui/wrap.ts';
import { Line, range } from '../scrolled-lines.tsx';
import { Panel, panelSize } from './panel.tsx';
import { useDrawn } from './scroll.ts';

/** Border, title and the answer. */
const CHROME = 4;
/** Above and below the text, where there is room. */
const GAPS = 2;

interface DialogProps {
  readonly title: string;
  readonly lines: readonly ReactNode[];
  readonly reading: Reading;
  readonly size: Size;
  /** One line, which is always in sight. */
  readonly answer: ReactNode;
}

/** A text that something is answered for: it scrolls where it does not fit, and says so. */
function Dialog({ title, lines, reading, size, answer }: DialogProps) {
  const roomy = lines.length + CHROME + GAPS <= size.rows;
  const room = Math.max(1, size.rows - CHROME);
  const window = windowFrom(reading.scroll, lines.length, room);
  useDrawn(window, lines.length, size.columns, reading.of);
  return (
    <Panel title={title} place={range(window.start, window.end, lines.length)} size={size} fit>
      {roomy ? <Gap /> : null}
      {lines.slice(window.start, window.end).map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Line key={window.start + at}>{line}</Line>
      ))}
      {roomy ? <Gap /> : null}
      <Line>{answer}</Line>
    </Panel>
  );
}

interface QuestionProps {
  readonly overlay: Extract<Overlay, { kind: 'question' }>;
  readonly reading: Reading;
  readonly size: Size;
}

/** Yes or no, with exactly what a yes does. A yes counts once all of it has been in sight. */
export function QuestionPanel({ overlay, reading, size }: QuestionProps) {
  const lines = overlay.lines.flatMap((line) => wrapLines(line, panelSize(size).columns));
  const fits = lines.length + CHROME <= size.rows;
  const answer = reading.isRead || fits ? 'y / n' : 'PgDn shows the rest, then y / n';
  return (
    <Dialog title={overlay.title} lines={lines} reading={reading} size={size} answer={<Text bold>{answer}</Text>} />
  );
}

const COSTS = [
  'Changes are no longer taken from the source; it keeps its WAL for the slot until the engine runs again,',
  'so its disk fills up meanwhile. A table that is being copied begins anew. Nothing that is finished is lost.',
  'The migration can be resumed with the same command. To leave only this screen, press Esc and then q.',
];

const COSTS_AFTER_THE_END = [
  'The migration is done and stays so. Chunks that are compressed stay so, the others stay as they are; go on with the same',
  'command, or leave them to the policies of the target. To leave only this screen, press Esc and then q.',
];

const COSTS_IN_DEMO = [
  'The demo ends with its engine: both servers stop, and their data is removed. The migration cannot be resumed.',
];

interface StopProps {
  readonly overlay: Extract<Overlay, { kind: 'stop' }>;
  readonly reading: Reading;
  /** The migration is done: only its compression goes on. */
  readonly atEnd: boolean;
  readonly isDemo: boolean;
  readonly size: Size;
  readonly now: number;
}

/** Stopping is not leaving: it says what it costs, and a word is typed. */
export function StopPanel({ overlay, reading, atEnd, isDemo, size, now }: StopProps) {
  const { columns } = panelSize(size);
  const costs = isDemo ? COSTS_IN_DEMO : atEnd ? COSTS_AFTER_THE_END : COSTS;
  const lines: ReactNode[] = [
    ...(overlay.error ? errorNodes(overlay.error, columns) : []),
    ...wrapLines(costs.join(' '), columns),
  ];
  const field = (
    <TypedConfirm label="to confirm" labelWidth={14} word={STOP_WORD} field={overlay.word} focused width={columns} />
  );
  const busy = (
    <Text>
      <Mark status="running" now={now} /> stopping
    </Text>
  );
  return (
    <Dialog title="Stop the engine" lines={lines} reading={reading} size={size} answer={overlay.busy ? busy : field} />
  );
}
