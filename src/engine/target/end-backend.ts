import type pg from 'pg';

/** The server process of a session, by which another session can end it. */
export const backendOf = (client: pg.Client): string => String((client as unknown as { processID: number }).processID);

/**
 * Ends a session of ours whose connection broke: it may still be committing, or hold locks, for as long as the server has
 * not noticed. Resolves when it is gone.
 */
export async function endBackend(client: pg.Client, pid: string): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ ended: string }>(
      `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
        WHERE pid = $1::integer AND pid <> pg_backend_pid() AND application_name LIKE 'tiger-migrate-tui %' AND usename = current_user`,
      [pid],
    );
    if (rows.length === 0) return;
    await client.query('SELECT pg_sleep(0.05)');
  }
}
