import type { Servers } from './servers.ts';
import { dropPublications } from './source/publications.ts';
import { dropSlot } from './source/slot.ts';
import { hasProgressSchema, type MigrationRow } from './target/progress-schema.ts';
import { restoreJobs } from './timescale/pause-jobs.ts';

/**
 * Removes slot, publications, the pause of jobs and our schema; the rows and objects of the migration stay. On sessions of its own: those
 * of the migration may be gone, or in a failed transaction.
 */
export async function undoBeginning(
  servers: Servers,
  migration: Pick<MigrationRow, 'slot' | 'publications'>,
): Promise<void> {
  await servers.afterwards('source', async (client) => {
    await dropSlot(client, migration.slot);
    await dropPublications(client, migration.publications);
  });
  await servers.afterwards('target', (target) =>
    servers.afterwards('source', async (source) => {
      if (await hasProgressSchema(target)) await restoreJobs(source, target);
    }),
  );
  // Last, for it is what remembers the names of the rest.
  await servers.afterwards('target', (client) => client.query('DROP SCHEMA IF EXISTS tiger_migrate CASCADE'));
}
