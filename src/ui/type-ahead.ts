import type { Model } from '../state/model.ts';
import type { KeyPress } from './key-press.ts';

/** Keys that leave at once, whatever is typed ahead. */
const LEAVES = new Set(['ctrl-c']);

export interface TypeAhead {
  /** The keys that count now: none while the wizard still looks for a migration, then all of them, in order. */
  take(presses: readonly KeyPress[], model: Model): readonly KeyPress[];
}

/** Keeps what is typed before the first screen is there, which nobody can know yet, for that screen. */
export function createTypeAhead(): TypeAhead {
  let kept: KeyPress[] = [];
  return {
    take(presses, { screen, overlay }) {
      if (screen === 'opening' && overlay === null) {
        kept.push(...presses.filter(({ key }) => !LEAVES.has(key)));
        return presses.filter(({ key }) => LEAVES.has(key));
      }
      const all = [...kept, ...presses];
      kept = [];
      return all;
    },
  };
}
