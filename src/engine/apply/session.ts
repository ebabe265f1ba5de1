import type pg from 'pg';

/**
 * Settings of a session that applies changes.
 *
 * What is applied is deleted from the spool: a crash of the target must not take it back, whatever its settings are.
 *
 * Rows are found by their index wherever there is one, whatever the statistics say. A chunk that was made a moment ago has none; and a
 * statement that was planned while a table was empty keeps its plan while the table grows.
 */
export async function prepareApplying(client: pg.Client): Promise<void> {
  await client.query(
    `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`,
  );
  await client.query('SET enable_seqscan = off');
}
