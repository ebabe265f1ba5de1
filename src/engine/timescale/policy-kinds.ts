import { isOfTimescaleFunctions } from '../source/belongs.ts';

/**
 * Policies that rewrite or drop chunks, by their procedures: while a copy reads them, rows would vanish from its snapshot, and no
 * stream shows what is dropped.
 */
export const REWRITING: Readonly<Record<string, string>> = {
  policy_compression: 'compression',
  policy_recompression: 'recompression',
  policy_compaction: 'compaction',
  policy_reorder: 'reorder',
  policy_retention: 'retention',
};

export const OTHER_POLICIES: Readonly<Record<string, string>> = {
  policy_refresh_continuous_aggregate: 'refresh',
  policy_process_hypertable_invalidations: 'invalidations',
};

interface Action {
  readonly schema: string;
  readonly procedure: string;
}

/** One of TimescaleDB's own, as against a procedure of the operator's. */
export const isPolicy = ({ schema }: Action): boolean => isOfTimescaleFunctions(schema);

/** Paused during a migration. All else goes on: a refresh and what the operator's own jobs do are changes like any other, or none. */
export const isRewriting = (job: Action): boolean => isPolicy(job) && job.procedure in REWRITING;

export const kindOf = (job: Action): string =>
  isPolicy(job) ? (REWRITING[job.procedure] ?? OTHER_POLICIES[job.procedure] ?? job.procedure) : 'user-defined';
