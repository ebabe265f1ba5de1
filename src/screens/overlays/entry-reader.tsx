import { selectedEntry } from '../../state/check-entries.ts';
import type { Model, Overlay, Reader } from '../../state/model.ts';
import type { Size } from '../../terminal/use-size.ts';
import { EntryText } from '../entry-detail.tsx';
import { entryLinesInFull, entryTitle } from '../entry-lines.ts';
import { Lines } from './lines.tsx';
import { panelSize } from './panel.tsx';

/** A check or a step in full. */
export function EntryReader(props: { model: Model; overlay: Extract<Overlay, { kind: Reader }>; size: Size }) {
  const { model, overlay, size } = props;
  const entry = selectedEntry(model.checks[model.provider]);
  const lines = entry ? entryLinesInFull(entry, panelSize(size).columns) : [];
  return (
    <Lines
      // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
      lines={lines.map((line, at) => <EntryText key={at} line={line} />)}
      title={entry ? entryTitle(entry) : 'Check'}
      overlay={overlay}
      size={size}
      empty=""
    />
  );
}
