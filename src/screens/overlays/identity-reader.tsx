import type { Model } from '../../state/model.ts';
import { choicesOf, chosenFor, selectedRow } from '../../state/steps/identity.ts';
import { oneLine } from '../../state/text-field.ts';
import type { Size } from '../../terminal/use-size.ts';
import type { ReaderOverlay } from './lines.tsx';
import { choiceParts, errorParts, TextLines } from './text-lines.tsx';

/** The choices of the selected table in full. */
export function IdentityReader({ model, overlay, size }: { model: Model; overlay: ReaderOverlay; size: Size }) {
  const row = selectedRow(model);
  const parts = [
    ...errorParts(model.work.error),
    ...(row ? choiceParts(choicesOf(model.identity, row), chosenFor(model.identity, row)) : []),
  ];
  return (
    <TextLines parts={parts} title={row ? oneLine(row.relation) : 'Replica identity'} overlay={overlay} size={size} />
  );
}
