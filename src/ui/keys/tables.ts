import type { Model } from '../../state/model.ts';
import type { KeyTable } from '../key-table.ts';
import { FIELD_KEYS, GLOBAL_KEYS } from './everywhere.ts';
import { OVERLAY_KEYS } from './overlays.ts';
import { SCREEN_KEYS } from './screens.ts';

export { FIELD_KEYS, GLOBAL_KEYS, OVERLAY_KEYS, SCREEN_KEYS };

/** The tables that hold now, the nearest first. */
export function tablesFor(model: Model): readonly KeyTable[] {
  const own = model.overlay ? OVERLAY_KEYS[model.overlay.kind] : SCREEN_KEYS[model.screen];
  return [own, FIELD_KEYS, GLOBAL_KEYS];
}

/** Every table, for the manual. */
export const ALL_TABLES: readonly KeyTable[] = [
  GLOBAL_KEYS,
  ...Object.values(SCREEN_KEYS).filter((table) => table.bindings.length > 0),
  ...Object.values(OVERLAY_KEYS),
  FIELD_KEYS,
];
