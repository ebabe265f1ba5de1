import { estimateCopySeconds } from '../engine/copy/estimate.ts';
import type { MigrationOptions, ProviderId } from '../engine/options.ts';
import type { CheckRun } from './check.ts';
import { timescaleObjects } from './facts/hypertables.ts';
import { type Relation, relationsFact } from './facts/relations.ts';
import { server } from './facts/server.ts';
import { migratedWithRows } from './relations.ts';

/** What the engine takes when nothing is said and both servers have the connections. */
const USUAL_TABLE_JOBS = 4;

/** Sources whose rows lie in chunks, which are not among the operator's own relations. */
export const rowsInChunks = (provider: ProviderId): boolean =>
  provider === 'selfhosted-timescaledb' || provider === 'mst';

export interface CopyEstimate {
  /** Of tables with their indexes, as the options leave them. */
  readonly bytes: number;
  readonly seconds: number;
}

const sum = (relations: readonly Relation[]): number =>
  relations.reduce((bytes, relation) => bytes + relation.bytes, 0);

/** Bytes of the tables whose rows are taken along, with their indexes. */
export function bytesToCopy(
  relations: readonly Relation[],
  options: Pick<MigrationOptions, 'excludeSchema' | 'excludeTable' | 'skipTableData'>,
): number {
  return sum(migratedWithRows(relations, options));
}

/** Compressed rows come uncompressed: by how much they grow. */
async function unpacked({ ask, provider }: Pick<CheckRun, 'ask' | 'provider'>): Promise<number> {
  if (!rowsInChunks(provider)) return 0;
  const { hypertables } = await ask('source', timescaleObjects);
  return hypertables.reduce((more, one) => more + Math.max(0, one.uncompressedBytes - one.bytes), 0);
}

/** A rough figure from the sizes on the source. */
export async function copyEstimate({ ask, options, provider }: CheckRun): Promise<CopyEstimate> {
  const relations = await ask('source', relationsFact);
  const own = bytesToCopy(relations, options);
  // The rest of the database is chunks, and catalogs, which are small beside them.
  const chunks = rowsInChunks(provider) ? (await ask('source', server)).database.bytes - sum(relations) : 0;
  const bytes = own + Math.max(0, chunks) + (await unpacked({ ask, provider }));
  return { bytes, seconds: estimateCopySeconds(bytes, options.tableJobs ?? USUAL_TABLE_JOBS) };
}
