import type pg from 'pg';
import { mayHeal, untilHealed } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import type { Servers } from '../servers.ts';
import { requireNoneDamaged } from '../sync/damage.ts';
import { readMigration, writePhase } from '../target/progress-schema.ts';

export interface EndOptions {
  readonly servers: Servers;
  readonly target: pg.Client;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Runs `work`, which begins the transaction on the target itself when it is time to. The migration is done with that
 * transaction's COMMIT, and exactly then.
 */
export async function endMigration(
  options: EndOptions,
  work: (begin: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { target } = options;
  let backend: string | null = null;
  try {
    await work(async () => {
      const { rows } = await target.query<{ pid: string }>('SELECT pg_backend_pid() AS pid');
      await target.query('BEGIN');
      backend = rows[0]?.pid ?? null;
    });
    // The last word: nothing makes a damaged table whole but its copy.
    await requireNoneDamaged(target);
    await target.query(`UPDATE tiger_migrate.relation SET state = 'live' WHERE copy_rows`);
    await writePhase(target, 'done');
  } catch (error) {
    if (backend) await target.query('ROLLBACK').catch(() => {});
    throw error;
  }
  await target.query('COMMIT').catch(async (error: unknown) => {
    if (!mayHeal(error) || !(await isDone(options, backend))) throw error;
  });
}

/** The answer to the COMMIT did not arrive: what has become of it is asked on a new session, for as long as it takes. */
async function isDone({ servers, emit, signal }: EndOptions, backend: string | null): Promise<boolean> {
  return untilHealed(
    async () => {
      const client = await servers.onTarget('outcome');
      try {
        // The old session may still be committing.
        for (;;) {
          const { rows } = await client.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE pid = $1::integer AND application_name LIKE 'tiger-migrate-tui %' AND usename = current_user`,
            [backend ?? '0'],
          );
          if (rows.length === 0) break;
          await client.query('SELECT pg_sleep(0.05)');
        }
        return (await readMigration(client))?.phase === 'done';
      } finally {
        servers.destroy(client);
      }
    },
    { what: 'asking whether the cut-over was committed', side: 'target', emit, signal },
  );
}
