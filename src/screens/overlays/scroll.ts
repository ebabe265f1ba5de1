import { createContext, useContext, useLayoutEffect } from 'react';
import { type ListWindow, windowFrom } from '../../ui/list-window.ts';

/** `start` to `end` (exclusive) of `length` lines are in sight, in `width` cells. */
export interface Drawn extends ListWindow {
  readonly length: number;
  readonly width: number;
}

/** Tells what is in sight of what scrolls; only one thing on the screen does. */
export const DrawnContext = createContext<(drawn: Drawn) => void>(() => undefined);

/**
 * Tells the model what is in sight, as soon as it is drawn: by it a page is as long as the box, and a text is read or not. `of`: the
 * text, where another one may follow in the same place.
 */
export function useDrawn(window: ListWindow, length: number, width: number, of?: unknown): void {
  const tell = useContext(DrawnContext);
  const { start, end } = window;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text of as many lines is told anew
  useLayoutEffect(() => tell({ start, end, length, width }), [tell, start, end, length, width, of]);
}

/** The lines in sight of something `length` lines long. */
export function useScrollWindow(scroll: number, length: number, height: number, width: number): ListWindow {
  const window = windowFrom(scroll, length, height);
  useDrawn(window, length, width);
  return window;
}
