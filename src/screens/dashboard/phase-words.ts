import type { Phase } from '../../engine/events.ts';

/** What the engine is doing, for the title and above the figures. */
export const PHASE_WORDS: Readonly<Record<Phase, string>> = {
  checks: 'checking both sides',
  snapshot: 'taking the snapshot',
  schema: 'restoring the schema',
  copy: 'copying',
  replay: 'replaying',
  cutover: 'cutting over',
  done: 'done',
  failed: 'failed',
};
