import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { errorCode } from './connection-errors.ts';
import { quoteLiteral } from './identifiers.ts';

export interface Refused {
  /** SQLSTATE. */
  readonly state: string;
  readonly message: string;
  /** Where in the server: the functions that it was in, one a line. */
  readonly context: string;
}

const LOCK_TIMEOUT = '2s';

/**
 * Finds out by doing whether statements are allowed: runs each on its own and takes it back. Null for each that is
 * allowed, else what the server says. One round trip, nothing in the server's log, locks waited for no longer than 2 s.
 * https://www.postgresql.org/docs/current/plpgsql-control-structures.html#PLPGSQL-ERROR-TRAPPING
 */
export async function attempts(client: pg.Client, statements: readonly string[]): Promise<(Refused | null)[]> {
  const tag = `$${`t${randomBytes(6).toString('hex')}`}$`;
  const each = statements
    .map(
      (sql) => `
    BEGIN
      EXECUTE ${quoteLiteral(sql)};
      RAISE EXCEPTION USING ERRCODE = 'TM000';
    EXCEPTION WHEN SQLSTATE 'TM000' THEN results := results || 'null'::jsonb;
      WHEN OTHERS THEN GET STACKED DIAGNOSTICS place = PG_EXCEPTION_CONTEXT;
        results := results || jsonb_build_object('state', SQLSTATE, 'message', SQLERRM, 'context', place);
    END;`,
    )
    .join('');
  const block = `SET LOCAL lock_timeout = '${LOCK_TIMEOUT}';
  DO ${tag}
  DECLARE results jsonb := '[]'; place text;
  BEGIN ${each}
    PERFORM set_config('tiger_migrate.attempts', results::text, true);
  END ${tag};
  SELECT current_setting('tiger_migrate.attempts') AS results`;
  try {
    const answers = (await client.query(block)) as unknown as pg.QueryResult<{ results: string }>[];
    return JSON.parse(answers.at(-1)?.rows[0]?.results ?? '[]') as (Refused | null)[];
  } catch (error) {
    // No plpgsql here, or not for this role: the long way.
    if (errorCode(error) !== '42704' && errorCode(error) !== '42501') throw error;
    return oneByOne(client, statements);
  }
}

/** A statement, and SQL that is true once it was done: GRANT and REVOKE without the right to are warnings of the server, not errors. */
export interface Attempt {
  readonly sql: string;
  readonly holds?: string;
}

/**
 * The same for statements that build on each other: each stays until all were tried, then all are taken back. One that is refused does not
 * keep the next from being tried. `notDone`: what is said of one that was done only seemingly.
 */
export async function attemptsTogether(
  client: pg.Client,
  statements: readonly Attempt[],
  notDone: string,
): Promise<(Refused | null)[]> {
  if (statements.length === 0) return [];
  const tag = `$${`t${randomBytes(6).toString('hex')}`}$`;
  const raise = `RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = ${quoteLiteral(notDone)};`;
  const each = statements
    .map(
      ({ sql, holds }) => `
    BEGIN
      EXECUTE ${quoteLiteral(sql)};
      ${holds === undefined ? '' : `EXECUTE ${quoteLiteral(`SELECT ${holds}`)} INTO done; IF NOT done THEN ${raise} END IF;`}
      results := results || 'null'::jsonb;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS place = PG_EXCEPTION_CONTEXT;
      results := results || jsonb_build_object('state', SQLSTATE, 'message', SQLERRM, 'context', place);
    END;`,
    )
    .join('');
  await client.query('BEGIN');
  try {
    const answers =
      (await client.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'; SET LOCAL client_min_messages = error;
  DO ${tag}
  DECLARE results jsonb := '[]'; done boolean; place text;
  BEGIN ${each}
    PERFORM set_config('tiger_migrate.attempts', results::text, true);
  END ${tag};
  SELECT current_setting('tiger_migrate.attempts') AS results`)) as unknown as pg.QueryResult<{ results: string }>[];
    return JSON.parse(answers.at(-1)?.rows[0]?.results ?? '[]') as (Refused | null)[];
  } catch (error) {
    // No plpgsql here, or not for this role: the long way.
    if (errorCode(error) !== '42704' && errorCode(error) !== '42501') throw error;
    await client.query('ROLLBACK; BEGIN');
    return await eachAfterTheOther(client, statements, notDone);
  } finally {
    await client.query('ROLLBACK');
  }
}

async function attemptNow(client: pg.Client, { sql, holds }: Attempt, notDone: string): Promise<Refused | null> {
  await client.query(sql);
  if (holds === undefined) return null;
  const { rows } = await client.query<{ done: string }>(`SELECT (${holds})::text AS done`);
  return rows[0]?.done === 'true' ? null : { state: '42501', message: notDone, context: '' };
}

/** The same by savepoints, in the transaction that `client` is in. */
async function eachAfterTheOther(
  client: pg.Client,
  statements: readonly Attempt[],
  notDone: string,
): Promise<(Refused | null)[]> {
  await client.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
  const results: (Refused | null)[] = [];
  for (const one of statements) {
    await client.query('SAVEPOINT attempt');
    const refused = await attemptNow(client, one, notDone).catch(refusedBy);
    await client.query(refused === null ? 'RELEASE SAVEPOINT attempt' : 'ROLLBACK TO SAVEPOINT attempt');
    results.push(refused);
  }
  return results;
}

/** The same by savepoints, several round trips for each. */
async function oneByOne(client: pg.Client, statements: readonly string[]): Promise<(Refused | null)[]> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
  try {
    const results: (Refused | null)[] = [];
    for (const sql of statements) {
      await client.query('SAVEPOINT attempt');
      const refused = await client.query(sql).then(
        () => null,
        (error: unknown) => refusedBy(error),
      );
      await client.query('ROLLBACK TO SAVEPOINT attempt');
      results.push(refused);
    }
    return results;
  } finally {
    await client.query('ROLLBACK');
  }
}

/** Throws what is not the server's answer. */
function refusedBy(error: unknown): Refused {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) throw error;
  return { state: error.code, message: error.message, context: error.where ?? '' };
}
