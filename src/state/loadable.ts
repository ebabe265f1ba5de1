import type { ErrorReport } from '../errors/migrate-error.ts';

/** Something that is fetched: every screen that shows one has to say what it shows while there is nothing yet. */
export type Loadable<T> =
  | { readonly state: 'idle' }
  | { readonly state: 'loading' }
  | { readonly state: 'ready'; readonly value: T }
  | { readonly state: 'failed'; readonly error: ErrorReport };

export const idle = { state: 'idle' } as const;
export const loading = { state: 'loading' } as const;
export const ready = <T>(value: T): Loadable<T> => ({ state: 'ready', value });
export const failed = (error: ErrorReport): Loadable<never> => ({ state: 'failed', error });
