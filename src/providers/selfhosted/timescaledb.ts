import type { Check } from '../check.ts';
import { compressedChanges, hypertableIdentity } from './timescaledb-changes.ts';
import { batchDelete, directCompress } from './timescaledb-hidden-changes.ts';
import {
  aggregateForm,
  distributed,
  hypertableSizes,
  hypertables,
  integerTime,
  tiered,
} from './timescaledb-hypertables.ts';
import { jobs, retention, workers } from './timescaledb-jobs.ts';
import {
  compressionMarkers,
  extensionOnBothSides,
  license,
  restoring,
  sourceTimescale,
} from './timescaledb-versions.ts';

/** Checks of a source with TimescaleDB, self-hosted or MST, besides those of every source. In the order in which they are run. */
export const TIMESCALEDB_CHECKS: readonly Check[] = [
  sourceTimescale,
  restoring('source'),
  hypertables,
  hypertableSizes,
  distributed,
  tiered,
  aggregateForm,
  compressionMarkers,
  batchDelete,
  directCompress,
  jobs,
  retention,
  hypertableIdentity,
  compressedChanges,
  integerTime,
  extensionOnBothSides,
  restoring('target'),
  license,
  workers,
];
