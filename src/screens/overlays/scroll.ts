import { createContext, useContext, useEffect } from 'react';
import { type ListWindow, windowFrom } from '../../ui/list-window.ts';

/** Tells where what is read ends, when it was to be scrolled past that. */
export const ScrollEndContext = createContext<(at: number) => void>(() => undefined);

/** The lines in sight of something `length` lines long; the model hears of it when it scrolled past the last page. */
export function useScrollWindow(scroll: number, length: number, height: number): ListWindow {
  const tell = useContext(ScrollEndContext);
  const window = windowFrom(scroll, length, height);
  const { start } = window;
  useEffect(() => {
    if (scroll > start) tell(start);
  }, [tell, scroll, start]);
  return window;
}
