import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import type { Lsn } from '../../postgres/lsn.ts';
import type { Emit } from '../events.ts';
import { markDamaged, tellDamage } from '../sync/damage.ts';
import { readTableStates } from '../sync/table-states.ts';

export const RESHAPED =
  'its boundaries on the source are others by now: it was merged or split, which the stream does not show';
export const COMPRESSED_DIRECTLY =
  'the source has written compressed rows of it directly (direct compress, or a DELETE of whole batches), which the stream does not show as rows';
export const ATTACHED = 'it has rows that never came by the stream: a table was attached as a chunk';

/** Chunks whose rows on the source became others without the stream saying which: only another copy brings them back. */
export class ChunksDamaged extends MigrateError {
  readonly oids: readonly number[];
  readonly reason: string;

  constructor(oids: readonly number[], reason: string) {
    super('TM5005', { side: 'source', message: reason });
    this.oids = oids;
    this.reason = reason;
  }
}

/** Marks those of them that follow the source, and says so. Gives how many were. */
export async function damageChunks(
  target: pg.Client,
  emit: Emit,
  { oids, reason, at }: { readonly oids: readonly number[]; readonly reason: string; readonly at: Lsn | null },
): Promise<number> {
  if (oids.length === 0) return 0;
  const damage = { code: 'TM5005', reason, row: '', lsn: at } as const;
  const states = new Map((await readTableStates(target)).map((table) => [table.sourceOid, table]));
  let count = 0;
  for (const oid of oids) {
    const table = states.get(oid);
    if (!table?.copyRows || !(await markDamaged(target, oid, damage, ['copied', 'live']))) continue;
    tellDamage(emit, { ...table, damage });
    count += 1;
  }
  return count;
}
