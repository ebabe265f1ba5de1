import pg from 'pg';
import { until } from '../support/wait.ts';

/** A lock of somebody else's, in the way of the engine. */
export class Hold {
  readonly #client: pg.Client;
  readonly #seen = new Set<number>();

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async take(uri: string, lock: string): Promise<Hold> {
    const client = new pg.Client({ connectionString: uri });
    client.on('error', () => undefined);
    await client.connect();
    await client.query(`SET default_transaction_read_only = off; BEGIN; ${lock}`);
    return new Hold(client);
  }

  /** Resolves when a session of the engine waits for it that has not been seen to wait before: how many wait. */
  async waited(): Promise<number> {
    let waiting: number[] = [];
    const pid = await until(
      async () => {
        // Within a transaction the view stays as it was at the first look.
        await this.#client.query('SELECT pg_stat_clear_snapshot()');
        const { rows } = await this.#client.query<{ pid: number }>(
          `SELECT pid FROM pg_stat_activity
            WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)) AND application_name LIKE 'tiger-migrate-tui %'`,
        );
        waiting = rows.map((row) => row.pid);
        return waiting.find((one) => !this.#seen.has(one));
      },
      { what: 'the engine to wait' },
    );
    this.#seen.add(pid);
    return waiting.length;
  }

  async release(): Promise<void> {
    await this.#client.end();
  }
}

/** Takes a lock, asks for what it is in the way of, and waits until the engine has come to it. */
export async function holding(take: () => Promise<Hold>, ask: () => Promise<void>): Promise<Hold> {
  const hold = await take();
  await ask();
  await hold.waited();
  return hold;
}
