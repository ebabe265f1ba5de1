import { selectedEntry } from '../../state/check-entries.ts';
import type { Model, Overlay, Reader } from '../../state/model.ts';
import type { Size } from '../../terminal/use-size.ts';
import { aboveList } from '../checks.tsx';
import { EntryText } from '../entry-detail.tsx';
import { entryLinesInFull, entryTitle } from '../entry-lines.ts';
import { Line } from '../scrolled-lines.tsx';
import { Lines } from './lines.tsx';
import { panelSize } from './panel.tsx';

/** A check or a step in full; beside it what stands above the list, where it may be cut off. */
export function EntryReader(props: { model: Model; overlay: Extract<Overlay, { kind: Reader }>; size: Size }) {
  const { model, overlay, size } = props;
  const entry = selectedEntry(model.checks[model.provider]);
  const lines = entry ? entryLinesInFull(entry, panelSize(size).columns) : [];
  const { error } = model.checks[model.provider];
  const remarks = aboveList(model, true, panelSize(size).columns);
  // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
  const parts = lines.map((line, at) => <EntryText key={at} line={line} />);
  const all = error === null ? [...parts, ...remarks] : [...remarks, ' ', ...parts];
  return (
    <Lines
      lines={all.map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Line key={at}>{line}</Line>
      ))}
      title={entry ? entryTitle(entry) : 'Check'}
      overlay={overlay}
      size={size}
      empty=""
    />
  );
}
