import { Text } from './text.tsx';
import { type Symbols, useTheme } from './theme.ts';

/** The two halves of a bar; a share above 0 shows at least one full cell, and only 1 shows no empty one. */
export function barCells(share: number, width: number, symbol: Symbols): { full: string; empty: string } {
  const safe = Math.max(0, Math.min(1, share));
  let cells = Math.round(safe * width);
  if (safe > 0 && cells === 0) cells = 1;
  if (safe < 1 && cells === width) cells = width - 1;
  return { full: symbol.barFull.repeat(cells), empty: symbol.barEmpty.repeat(Math.max(0, width - cells)) };
}

/** A share, 0 to 1, as a line of cells. */
export function ProgressBar({ share, width }: { share: number; width: number }) {
  const { symbol } = useTheme();
  const { full, empty } = barCells(share, width, symbol);
  return (
    <Text wrap="truncate">
      <Text tone={share >= 1 ? 'ok' : 'accent'}>{full}</Text>
      <Text tone="muted">{empty}</Text>
    </Text>
  );
}
