import { Box } from 'ink';
import type { Overlay } from '../../state/model.ts';
import { STOP_WORD } from '../../state/steps/overlay.ts';
import { formatNumberOf } from '../../terminal/format.ts';
import type { Size } from '../../terminal/use-size.ts';
import { ErrorBlock } from '../../ui/error-block.tsx';
import { Gap, Paragraph } from '../../ui/heading.tsx';
import { Mark } from '../../ui/status.tsx';
import { Text } from '../../ui/text.tsx';
import { useTheme } from '../../ui/theme.ts';
import { TypedConfirm } from '../../ui/typed-confirm.tsx';
import { wrapLines } from '../../ui/wrap.ts';
import { Panel, panelSize } from './panel.tsx';

/** Border, title, two empty lines, the answer. */
const QUESTION_CHROME = 6;

/** Yes or no, with exactly what a yes does; on a small screen as much of it as there is room for. */
export function QuestionPanel({ overlay, size }: { overlay: Extract<Overlay, { kind: 'question' }>; size: Size }) {
  const { symbol } = useTheme();
  const room = Math.max(1, size.rows - QUESTION_CHROME);
  const lines = overlay.lines.flatMap((line) => wrapLines(line, panelSize(size).columns));
  const left = lines.length - room + 1;
  const shown =
    left <= 1 ? lines : [...lines.slice(0, room - 1), `${symbol.ellipsis} ${formatNumberOf(left, 'more line')}`];
  return (
    <Panel title={overlay.title} size={size} fit>
      <Gap />
      {shown.map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines of one question never move
        <Text key={at}>{line === '' ? ' ' : line}</Text>
      ))}
      <Gap />
      <Text bold>y / n</Text>
    </Panel>
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

/** Stopping is not leaving: it says what it costs, and a word is typed. */
export function StopPanel(props: {
  overlay: Extract<Overlay, { kind: 'stop' }>;
  /** The migration is done: only its compression goes on. */
  atEnd: boolean;
  size: Size;
  now: number;
}) {
  const { overlay, atEnd, size, now } = props;
  return (
    <Panel title="Stop the engine" size={size} fit>
      <Gap />
      <Paragraph>{(atEnd ? COSTS_AFTER_THE_END : COSTS).join(' ')}</Paragraph>
      <Gap />
      <TypedConfirm
        label="to confirm"
        labelWidth={14}
        word={STOP_WORD}
        field={overlay.word}
        focused
        width={panelSize(size).columns}
      />
      <Gap />
      {overlay.busy ? (
        <Box>
          <Mark status="running" now={now} />
          <Text> stopping</Text>
        </Box>
      ) : null}
      {overlay.error ? <ErrorBlock error={overlay.error} /> : null}
    </Panel>
  );
}
