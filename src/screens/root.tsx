import { useInput } from 'ink';
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import type { Store } from '../state/store.ts';
import { useSize } from '../terminal/use-size.ts';
import { createKeyNormaliser } from '../ui/key-press.ts';
import { messageFor } from '../ui/key-table.ts';
import { tablesFor } from '../ui/keys/tables.ts';
import { type Theme, ThemeContext } from '../ui/theme.ts';
import { ScrollEndContext } from './overlays/scroll.ts';
import { WizardScreen } from './wizard.tsx';

/** The root: the store's model as a frame, and the only input hook there is. */
export function Wizard({ store, theme }: { store: Store; theme: Theme }) {
  const model = useSyncExternalStore(store.subscribe, store.get);
  const size = useSize();
  const normalise = useMemo(createKeyNormaliser, []);
  const onInput = useCallback<Parameters<typeof useInput>[0]>(
    (input, key) => {
      for (const press of normalise(input, key)) {
        const now = store.get();
        // A second Ctrl-C waits for nothing.
        const impatient = press.key === 'ctrl-c' && now.leaving;
        const message = impatient ? ({ type: 'leave-now' } as const) : messageFor(press, now, tablesFor(now));
        if (message) store.dispatch(message);
      }
    },
    [store, normalise],
  );
  useInput(onInput);
  const onScrollEnd = useCallback((at: number) => store.dispatch({ type: 'scroll-ended', at }), [store]);
  return (
    <ThemeContext.Provider value={theme}>
      <ScrollEndContext.Provider value={onScrollEnd}>
        <WizardScreen model={model} size={size} />
      </ScrollEndContext.Provider>
    </ThemeContext.Provider>
  );
}
