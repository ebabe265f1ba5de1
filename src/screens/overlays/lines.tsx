import type { ReactNode } from 'react';
import type { Overlay, Reader } from '../../state/model.ts';
import type { Size } from '../../terminal/use-size.ts';
import { Text } from '../../ui/text.tsx';
import { Panel, panelSize } from './panel.tsx';
import { useScrollWindow } from './scroll.ts';

export type ReaderOverlay = Extract<Overlay, { kind: Reader }>;

/** `3–18 of 40` when not all is in sight. */
export const range = (start: number, end: number, length: number): string =>
  end - start >= length ? '' : `${start + 1}-${end} of ${length}`;

/** Lines from `scroll` on; `fromEnd` counts from the newest line at the bottom. */
export function Lines(props: {
  lines: readonly ReactNode[];
  title: string;
  overlay: ReaderOverlay;
  size: Size;
  empty: string;
}) {
  const { lines, overlay, size } = props;
  const { rows } = panelSize(size);
  const newestFirst = overlay.kind === 'log' || overlay.kind === 'warnings';
  const at = useScrollWindow(overlay.scroll, lines.length, rows);
  const { start, end } = newestFirst ? { start: lines.length - at.end, end: lines.length - at.start } : at;
  return (
    <Panel title={props.title} note={range(start, end, lines.length)} size={size}>
      {lines.length === 0 ? <Text tone="muted">{props.empty}</Text> : lines.slice(start, end)}
    </Panel>
  );
}
