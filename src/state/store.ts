import type { Effect, Message, Step } from './messages.ts';
import type { Model } from './model.ts';

export interface Store {
  readonly get: () => Model;
  readonly dispatch: (message: Message) => void;
  readonly subscribe: (listener: () => void) => () => void;
  /** Drops what is still to be told. */
  close(): void;
}

/**
 * Holds the model. The model moves at once; listeners are told at once too, but not more often than every `quietMs`:
 * an engine that says a thousand things a second must not cost a thousand frames.
 */
export function createStore(of: {
  model: Model;
  update: (model: Model, message: Message) => Step;
  perform: (effect: Effect, dispatch: (message: Message) => void) => void;
  quietMs?: number;
}): Store {
  const { update, perform, quietMs = 40 } = of;
  const listeners = new Set<() => void>();
  let { model } = of;
  let timer: NodeJS.Timeout | null = null;
  let stale = false;

  const tell = (): void => {
    stale = false;
    timer = setTimeout(() => {
      timer = null;
      if (stale) tell();
    }, quietMs);
    for (const listener of listeners) listener();
  };

  const dispatch = (message: Message): void => {
    const { model: next, effects } = update(model, message);
    const changed = next !== model;
    model = next;
    if (changed) {
      if (timer === null) tell();
      else stale = true;
    }
    for (const effect of effects) perform(effect, dispatch);
  };

  return {
    get: () => model,
    dispatch,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      listeners.clear();
    },
  };
}
