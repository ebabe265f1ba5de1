import pg from 'pg';
import { evenPace } from '../../../src/demo/pace.ts';
import { seededRandom } from '../../../src/demo/random.ts';
import { withClient } from '../../support/test-servers.ts';
import { SINGLE } from './single-writer.ts';
import { type Session, SHARED, WRITERS } from './transactions.ts';
import { insertPooled, POOLED_TABLES } from './values.ts';

/** Transactions a second, over all connections. */
const RATE = 120;

/** An application that writes at random until it is fenced off. */
export interface Application extends AsyncDisposable {
  readonly stats: {
    transactions: number;
    statements: number;
    /** Connections that were ended from outside. */
    lost: number;
    /** Deadlocks between its own connections, which any application must take; with others' they are errors. */
    deadlocks: number;
    readonly errors: string[];
  };
  /** Resolves when every connection was fenced off, or stopped. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

const READ_ONLY = '25006';
const DEADLOCK = '40P01';
const ENDED = /^57P0|^08/;
const stateOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '08000';

/** Rows of the tables whose values come from pools, and then the writers. */
export async function startApplication(uri: string, seed: number): Promise<Application> {
  const random = seededRandom(seed);
  await withClient(uri, async (client) => {
    for (const table of POOLED_TABLES) {
      for (let id = 1; id <= 60; id += 1) await client.query(insertPooled(table, id, random));
    }
  });
  const stats = { transactions: 0, statements: 0, lost: 0, deadlocks: 0, errors: [] as string[] };
  const backends = new Set<number>();
  const stopping = new AbortController();
  /** Whoever freezes the source may end a session that has just begun, too. */
  const open = async () => {
    for (;;) {
      let client: pg.Client | null = null;
      try {
        client = await connect(uri);
        const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        for (const { pid } of rows) backends.add(pid);
        return client;
      } catch (error) {
        await client?.end().catch(() => undefined);
        if (stopping.signal.aborted || !ENDED.test(stateOf(error))) throw error;
      }
    }
  };
  const pace = evenPace(RATE);

  const transact = async (client: pg.Client, session: Session, rounds: { next: number }): Promise<void> => {
    // In turn, so that each kind comes up soon; which rows and values is left to chance.
    const own = SINGLE.filter((_, index) => index % WRITERS === session.writer);
    const list = [...SHARED, ...own, ...own];
    const transaction = list[rounds.next % list.length] ?? SHARED[0];
    rounds.next += 1;
    await client.query('BEGIN');
    await transaction(session);
    await client.query('COMMIT');
    stats.transactions += 1;
  };

  const work = async (writer: number): Promise<void> => {
    const own = seededRandom(seed * 100 + writer);
    let fresh = 100_000 + writer;
    let client = await open();
    const session: Session = {
      run: async (sql) => {
        stats.statements += 1;
        return client.query(sql);
      },
      random: own,
      writer,
      fresh: () => {
        fresh += WRITERS;
        return fresh;
      },
    };
    const rounds = { next: own.between(0, 50) };
    while (!stopping.signal.aborted) {
      await pace.next(stopping.signal);
      try {
        await transact(client, session, rounds);
      } catch (error) {
        const state = stateOf(error);
        if (state === READ_ONLY) break;
        if (ENDED.test(state)) {
          stats.lost += 1;
          await client.end().catch(() => undefined);
          client = await open();
          continue;
        }
        if (state === DEADLOCK && onlyAmong(backends, detailOf(error))) stats.deadlocks += 1;
        else
          stats.errors.push(
            `${state} ${error instanceof Error ? error.message : String(error)} (transaction ${rounds.next - 1}) ${detailOf(error)}`,
          );
        await client.query('ROLLBACK').catch(() => undefined);
      }
    }
    await client.end().catch(() => undefined);
  };
  const done = Promise.all(Array.from({ length: WRITERS }, (_, writer) => work(writer))).then(() => undefined);
  const stop = async () => {
    stopping.abort();
    await done;
  };
  return { stats, done, stop, [Symbol.asyncDispose]: stop };
}

async function connect(uri: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: uri, application_name: 'the application' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Who waited for whom, when it was a deadlock. */
const detailOf = (error: unknown): string =>
  error instanceof Error && 'detail' in error && typeof error.detail === 'string' ? error.detail : '';

/** Whether every process that a deadlock names is one of these. */
function onlyAmong(backends: ReadonlySet<number>, detail: string): boolean {
  const named = [...detail.matchAll(/[Pp]rocess (\d+)/g)].map((match) => Number(match[1]));
  return named.length > 0 && named.every((pid) => backends.has(pid));
}
