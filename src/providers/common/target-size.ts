import type { Check, CheckOutcome } from '../check.ts';
import { copyEstimate } from '../copy-estimate.ts';
import { settings } from '../facts/settings.ts';
import { formatBytes, formatDuration, info, pass, warn } from '../outcome.ts';

const GIB = 1024 ** 3;
/** PostgreSQL's own default, in bytes: nobody has fitted the server to its machine. */
const UNTUNED_SHARED_BUFFERS = 128 * 1024 ** 2;
/** Tools that fit a server to its machine, and providers, give shared_buffers a quarter. */
const SHARE_OF_MEMORY = 0.25;
/** Tiger Cloud gives each processor 4 GiB. */
const RECOMMENDED_PROCESSORS = 8;
const RECOMMENDED_MEMORY = RECOMMENDED_PROCESSORS * 4 * GIB;
/** A smaller copy is done in minutes on any server. */
const LARGE_COPY = 50 * GIB;
const SUPPORT_REQUEST = 'https://console.cloud.tigerdata.com/dashboard/support';
/** From here on Tiger support wants to know beforehand: https://www.tigerdata.com/docs/migrate/latest/live-migration */
const PREPARED_FROM = 400e9;

export interface SizeHints {
  /** Bytes. */
  readonly sharedBuffers: number;
  readonly parallelWorkers: number | null;
  readonly workerProcesses: number | null;
  /** Bytes that will be copied. */
  readonly coming: number;
}

/** What the settings let us guess. */
export function targetSizeOutcome({
  sharedBuffers,
  parallelWorkers,
  workerProcesses,
  coming,
}: SizeHints): CheckOutcome {
  const workers = [
    ...(parallelWorkers === null ? [] : [`max_parallel_workers = ${parallelWorkers}`]),
    ...(workerProcesses === null ? [] : [`max_worker_processes = ${workerProcesses}`]),
  ].join(', ');
  if (sharedBuffers === UNTUNED_SHARED_BUFFERS) {
    return info(`cannot be told: shared_buffers = 128MB is PostgreSQL's default, whatever the machine has; ${workers}`);
  }
  const memory = sharedBuffers / SHARE_OF_MEMORY;
  const found = `an estimate, as the server does not tell: about ${formatBytes(memory)} of memory (four times shared_buffers = ${formatBytes(sharedBuffers)}); ${workers}`;
  // A setting that was rounded down is no smaller server.
  if (memory >= RECOMMENDED_MEMORY * 0.8) return pass(found);
  return coming >= LARGE_COPY ? warn(`${found}; about ${formatBytes(coming)} will come`) : info(found);
}

/** No statement tells how many processors a server has. https://www.postgresql.org/docs/current/runtime-config-resource.html */
export const targetSize: Check = {
  id: 'target-size',
  side: 'target',
  title: 'Size of the target',
  severity: 'warn',
  wanted: '8 CPUs and 32 GiB of memory or more for a large migration',
  why: 'Copying several tables at once and building their indexes beside it is what takes the time; both go with the processors of the target.',
  fix: 'In the Tiger Console select the service, then Operations → Compute and storage, and choose 8 CPU / 32 GiB or more for the migration; lower it again afterwards. Set --table-jobs and --index-jobs to use them.',
  async run(run) {
    const known = await run.ask('target', settings);
    const buffers = known.get('shared_buffers');
    const blockSize = known.number('block_size') ?? 8192;
    if (buffers === null) return info('the server hides its settings from this role');
    return targetSizeOutcome({
      sharedBuffers: Number(buffers.raw) * blockSize,
      parallelWorkers: known.number('max_parallel_workers'),
      workerProcesses: known.number('max_worker_processes'),
      coming: (await copyEstimate(run)).bytes,
    });
  },
};

/** The disk of the target can't be measured by SQL. */
export const targetDisk: Check = {
  id: 'target-disk',
  side: 'target',
  title: 'Room for what will come',
  severity: 'warn',
  wanted: 'up to 400 GB, or a disk made ready by Tiger support',
  why: 'The disk of a service grows by itself, but not as fast as a large copy fills it. How much is free there no query can tell.',
  fix: `Before starting, say how much will come: ${SUPPORT_REQUEST} or support@tigerdata.com.`,
  async run(run) {
    const { bytes, seconds } = await copyEstimate(run);
    const found = `about ${formatBytes(bytes)} of tables and indexes will come, in a copy of about ${formatDuration(seconds)}`;
    if (bytes <= PREPARED_FROM) return info(found);
    return warn(found, {
      fix: `Before starting, ask Tiger support to pre-provision the disk: open a request at ${SUPPORT_REQUEST} or write to support@tigerdata.com that you are going to migrate ${formatBytes(bytes)} into this service. Wait for their answer.`,
    });
  },
};
