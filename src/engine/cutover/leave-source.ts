import type pg from 'pg';
import { requireSameSource } from '../begin.ts';
import type { Emit } from '../events.ts';
import type { Servers } from '../servers.ts';
import { dropPublications } from '../source/publications.ts';
import { dropSlot } from '../source/slot.ts';
import type { MigrationRow } from '../target/progress-schema.ts';
import { restoreJobs } from '../timescale/pause-jobs.ts';

export interface LeaveSourceOptions {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly migration: MigrationRow;
  /** Nothing more is to come from the slot. */
  readonly stopReceiving: () => Promise<void>;
  readonly emit: Emit;
}

/**
 * Sets the source's jobs going again and removes what is ours there, once the migration is done: a slot would keep its WAL for ever. What
 * can't be removed is told. Says what was.
 */
export async function leaveSource(options: LeaveSourceOptions): Promise<string> {
  const { source, target, migration, stopReceiving, emit } = options;
  try {
    const jobs = await restoreJobs(source, target);
    if (jobs.length > 0) emit({ type: 'log', text: `Scheduled again on the source: jobs ${jobs.join(', ')}` });
    await stopReceiving();
    await dropSlot(source, migration.slot);
    await dropPublications(source, migration.publications);
    return `${ofOurs(migration)} removed from the source`;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const text = `Still on the source: ${ofOurs(migration)} ${migration.slot} (${why}). Remove what is left with clean.`;
    emit({ type: 'warning', text });
    return `${ofOurs(migration)} left to clean`;
  }
}

const ofOurs = ({ publications }: MigrationRow): string =>
  publications.length === 0 ? 'slot' : 'slot and publications';

/** The same for a migration whose end was interrupted, where its source can be reached. */
export async function leaveSourceAtLast(
  of: Pick<LeaveSourceOptions, 'target' | 'migration' | 'emit'> & { readonly servers: Servers },
): Promise<void> {
  const { servers, migration, emit } = of;
  const source = await servers.onSource('control').catch(() => null);
  if (!source) return;
  try {
    await requireSameSource(servers, migration);
    await leaveSource({ ...of, source, stopReceiving: async () => {} });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    emit({ type: 'log', text: `What may be left on the source was not looked for: ${why}` });
  } finally {
    servers.destroy(source);
  }
}
