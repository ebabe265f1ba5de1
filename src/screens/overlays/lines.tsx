import type { ReactNode } from 'react';
import type { Overlay, Reader } from '../../state/model.ts';
import type { Size } from '../../terminal/use-size.ts';
import { Text } from '../../ui/text.tsx';
import { range } from '../scrolled-lines.tsx';
import { Panel, panelSize } from './panel.tsx';
import { useScrollWindow } from './scroll.ts';

export type ReaderOverlay = Extract<Overlay, { kind: Reader }>;

/** Lines from `scroll` on; of the log and the warnings from the newest line at the bottom. */
export function Lines(props: {
  lines: readonly ReactNode[];
  title: string;
  overlay: ReaderOverlay;
  size: Size;
  empty: string;
}) {
  const { lines, overlay, size } = props;
  const { columns, rows } = panelSize(size);
  const newestFirst = overlay.kind === 'log' || overlay.kind === 'warnings';
  const at = useScrollWindow(overlay.scroll, lines.length, rows, columns);
  const { start, end } = newestFirst ? { start: lines.length - at.end, end: lines.length - at.start } : at;
  return (
    <Panel title={props.title} place={range(start, end, lines.length)} size={size}>
      {lines.length === 0 ? <Text tone="muted">{props.empty}</Text> : lines.slice(start, end)}
    </Panel>
  );
}
