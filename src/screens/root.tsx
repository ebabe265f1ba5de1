import { useInput } from 'ink';
import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react';
import { asksToEnd } from '../state/steps/leave-demo.ts';
import type { Store } from '../state/store.ts';
import { useSize } from '../terminal/use-size.ts';
import { createKeyNormaliser, type KeyPress } from '../ui/key-press.ts';
import { messageFor } from '../ui/key-table.ts';
import { tablesFor } from '../ui/keys/tables.ts';
import { type Theme, ThemeContext } from '../ui/theme.ts';
import { createTypeAhead } from '../ui/type-ahead.ts';
import { type Drawn, DrawnContext } from './overlays/scroll.ts';
import { WizardScreen } from './wizard.tsx';

/** The root: the store's model as a frame, and the only input hook there is. */
export function Wizard({ store, theme }: { store: Store; theme: Theme }) {
  const model = useSyncExternalStore(store.subscribe, store.get);
  const size = useSize();
  const normalise = useMemo(createKeyNormaliser, []);
  const typeAhead = useMemo(createTypeAhead, []);
  const onKeys = useCallback(
    (presses: readonly KeyPress[]) => {
      for (const press of typeAhead.take(presses, store.get())) {
        const now = store.get();
        // A second Ctrl-C waits for nothing.
        const impatient = press.key === 'ctrl-c' && (now.leaving || asksToEnd(now));
        const message = impatient ? ({ type: 'leave-now' } as const) : messageFor(press, now, tablesFor(now));
        if (message) store.dispatch(message);
      }
    },
    [store, typeAhead],
  );
  const onInput = useCallback<Parameters<typeof useInput>[0]>(
    (input, key) => onKeys(normalise(input, key)),
    [onKeys, normalise],
  );
  useInput(onInput);
  const { screen } = model;
  useEffect(() => {
    if (screen !== 'opening') onKeys([]);
  }, [screen, onKeys]);
  const onDrawn = useCallback((drawn: Drawn) => store.dispatch({ type: 'drawn', ...drawn }), [store]);
  return (
    <ThemeContext.Provider value={theme}>
      <DrawnContext.Provider value={onDrawn}>
        <WizardScreen model={model} size={size} />
      </DrawnContext.Provider>
    </ThemeContext.Provider>
  );
}
