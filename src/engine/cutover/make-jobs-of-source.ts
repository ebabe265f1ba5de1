import type pg from 'pg';
import type { Emit } from '../events.ts';
import { migrationOptionsSchema } from '../options.ts';
import { selection } from '../source/catalog.ts';
import type { MigrationRow } from '../target/progress-schema.ts';
import { rememberCompressed } from '../timescale/chunks-to-compress.ts';
import { compressNew } from '../timescale/compress-new.ts';
import { readCompression } from '../timescale/compression-settings.ts';
import { extensionSchema } from '../timescale/make-hypertables.ts';
import { makeJobs } from '../timescale/make-jobs.ts';
import { readJobsAsBefore } from '../timescale/pause-jobs.ts';

export interface MakeJobsOfSourceOptions {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly migration: MigrationRow;
  /** Remember what is to be compressed afterwards. */
  readonly compress: boolean;
  readonly emit: Emit;
}

/**
 * Makes the source's compression settings, policies and jobs, and the compression chosen for plain tables, in the transaction that ends with the cut-over: nothing may compress,
 * drop or refresh while replay writes. Says how many; null: there are none.
 */
export async function makeJobsOfSource(of: MakeJobsOfSourceOptions): Promise<string | null> {
  const { source, target } = of;
  const options = migrationOptionsSchema.parse(JSON.parse(of.migration.options));
  const wanted = (on: { readonly schema: string; readonly name: string } | null) =>
    on === null || selection({ ...on, partOf: [] }, options) !== 'excluded';
  const compression = (await readCompression(source)).filter(wanted);
  const jobs = (await readJobsAsBefore(source, target)).filter(({ on }) => wanted(on));
  const chosen = options.hypertables.filter((one) => one.compress !== null && wanted(one));
  if (compression.length + jobs.length + chosen.length === 0) return null;
  const made = await makeJobs(of, compression, jobs);
  const added = chosen.length === 0 ? 0 : await compressNew(of, chosen, await extensionSchema(target));
  if (of.compress && compression.length > 0) await rememberCompressed(source, target, of.emit);
  return `${made.compressed + added} compression settings and ${made.jobs + added} jobs made`;
}
