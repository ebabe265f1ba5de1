import type pg from 'pg';
import { isFrozen } from '../engine/cutover/fence.ts';
import type { MigrationRow } from '../engine/target/progress-schema.ts';

/** What a comparison can tell at this moment. */
export interface VerifySituation {
  /** Said before the comparison; null: nothing. */
  readonly opening: string | null;
  /** What to do when there are differences. */
  readonly hint: string;
}

/** Reads what a comparison can tell: during the migration, once it is done, and when nothing of it is recorded any more. */
export async function readVerifySituation(
  migration: MigrationRow | null,
  connectSource: () => Promise<pg.Client>,
  destroy: (client: pg.Client) => void,
): Promise<VerifySituation> {
  if (migration?.phase !== 'done') return situationOf(migration === null ? 'unknown' : 'running');
  const source = await connectSource();
  const frozen = await isFrozen(source).finally(() => destroy(source));
  return situationOf(frozen ? 'done-frozen' : 'done');
}

/** The words for a situation. Pure. */
export function situationOf(which: 'unknown' | 'running' | 'done' | 'done-frozen'): VerifySituation {
  switch (which) {
    case 'unknown':
      return {
        opening: null,
        hint: 'No migration is recorded on the target. Rows that were written on one side only, after a cut-over for example, count as different.',
      };
    case 'running':
      return {
        opening: null,
        hint: 'While the application writes, rows on the way count as different: stop it, let replay catch up, verify again.',
      };
    case 'done-frozen':
      return {
        opening:
          'The cut-over is done and the source is read-only: what was written on the target since counts as different.',
        hint: 'The cut-over is done: nothing is replayed any more. Rows that the application has written on the target since then are expected to differ. If it has not written yet, keep it off the target and compare the named tables by hand.',
      };
    case 'done':
      return {
        opening:
          'The cut-over is done and the source takes writes: what was written on either side since counts as different.',
        hint: 'The cut-over is done: nothing is replayed any more. Rows that were written since then, on the target or on the source, are expected to differ. See that nothing writes to the source. If nothing has written to either, compare the named tables by hand.',
      };
    default:
      return which satisfies never;
  }
}
