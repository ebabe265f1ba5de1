import type { RealPair } from '../../support/timescaledb/pair.ts';
import { Migration } from '../whole/migration.ts';

/** A migration between the two, as it is begun or as it goes on in a work directory. */
export async function startMigration(pair: RealPair, resume?: { directory: string }): Promise<Migration> {
  await pair.source.admin(
    `ALTER DATABASE "${pair.source.name}" SET timescaledb.enable_compressed_direct_batch_delete = off`,
  );
  return Migration.start({
    source: pair.source.uri,
    target: pair.target.uri,
    targetDatabase: pair.target.name,
    options: { provider: 'selfhosted-timescaledb', plugin: 'test_decoding', tableJobs: 2, indexJobs: 1 },
    ...(resume ? { resume } : {}),
  });
}
