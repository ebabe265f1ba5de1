import { formatHypertable } from '../../engine/timescale/hypertable-option.ts';
import type { Model } from '../../state/model.ts';
import { remediesOf, remedyFor, selectedHypertable } from '../../state/steps/hypertables.ts';
import { oneLine } from '../../state/text-field.ts';
import type { Size } from '../../terminal/use-size.ts';
import type { ReaderOverlay } from './lines.tsx';
import { choiceParts, errorParts, TextLines, type TextPart } from './text-lines.tsx';

/** What hinders the selected table, in full, and how each is put right. */
export function HypertableReader({ model, overlay, size }: { model: Model; overlay: ReaderOverlay; size: Size }) {
  const row = selectedHypertable(model);
  const choices = row ? remediesOf(row) : [];
  const parts: readonly TextPart[] = row
    ? [
        ...errorParts(model.work.error),
        [`--hypertable '${formatHypertable(row.option)}'`, 'muted'],
        ['', 'plain'],
        ...row.obstacles.flatMap(({ problem, remedy, blocks, identifies }): TextPart[] => [
          [`${blocks ? 'hinders: ' : 'to know: '}${oneLine(problem)}`, 'plain'],
          ...(identifies && choices.length > 0 ? [] : [[`    ${oneLine(remedy)}`, 'accent'] as const]),
          ['', 'plain'],
        ]),
        ...(row.obstacles.length === 0 ? [['nothing hinders it', 'plain'] as const] : []),
        ...(choices.length === 0
          ? []
          : [['a gives it another replica identity on the source, after a yes:', 'muted'] as const]),
        ...choiceParts(choices, row && remedyFor(model, row)),
      ]
    : [];
  return <TextLines parts={parts} title={row ? oneLine(row.relation) : 'Hypertables'} overlay={overlay} size={size} />;
}
