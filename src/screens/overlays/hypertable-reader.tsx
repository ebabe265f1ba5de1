import { formatHypertable } from '../../engine/timescale/hypertable-option.ts';
import type { Model } from '../../state/model.ts';
import { selectedHypertable } from '../../state/steps/hypertables.ts';
import { oneLine } from '../../state/text-field.ts';
import type { Size } from '../../terminal/use-size.ts';
import { Text } from '../../ui/text.tsx';
import type { Tone } from '../../ui/theme.ts';
import { wrapLines } from '../../ui/wrap.ts';
import { Lines, type ReaderOverlay } from './lines.tsx';
import { panelSize } from './panel.tsx';

/** What hinders the selected table, in full, and how each is put right. */
export function HypertableReader(props: { model: Model; overlay: ReaderOverlay; size: Size }) {
  const { model, overlay, size } = props;
  const row = selectedHypertable(model);
  const { columns } = panelSize(size);
  const parts: readonly (readonly [string, Tone])[] = row
    ? [
        [`--hypertable '${formatHypertable(row.option)}'`, 'muted'],
        ['', 'plain'],
        ...row.obstacles.flatMap(({ problem, remedy, blocks }): [string, Tone][] => [
          [`${blocks ? 'hinders: ' : 'to know: '}${oneLine(problem)}`, 'plain'],
          [`    ${oneLine(remedy)}`, 'accent'],
          ['', 'plain'],
        ]),
        ...(row.obstacles.length === 0 ? [['nothing hinders it', 'plain'] as const] : []),
      ]
    : [];
  const lines = parts.flatMap(([text, tone]) =>
    wrapLines(text, columns - 4).map((line, at) => ({ line: at > 0 ? `    ${line}` : line, tone })),
  );
  return (
    <Lines
      lines={lines.map(({ line, tone }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Text key={at} tone={tone}>
          {line === '' ? ' ' : line}
        </Text>
      ))}
      title={row ? oneLine(row.relation) : 'Hypertables'}
      overlay={overlay}
      size={size}
      empty=""
    />
  );
}
