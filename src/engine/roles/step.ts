import type pg from 'pg';
import { quoteLiteral } from '../../postgres/identifiers.ts';
import { sqlState } from '../error-policy.ts';
import { recordObject } from '../target/progress-schema.ts';

/** One statement that makes something of the source's roles, or of its database, so on the target. */
export interface Step {
  /** What kind of thing it is, for people; those of one kind are told together: `CREATE ROLE`. */
  readonly kind: string;
  /** Without a semicolon. */
  readonly sql: string;
  /** What is tried in its place before there is a schema; absent: itself. */
  readonly trial?: string;
  /** SQL: an expression that is true once it is done. GRANT and REVOKE without the right to are only warnings of the server. */
  readonly holds?: string;
  /** Why we do not run it ourselves; absent: we try. */
  readonly byHand?: string;
  /** The role that it creates. */
  readonly creates?: string;
}

/** A step that was not done, and the server's words, or ours. */
export interface OpenStep extends Step {
  readonly reason: string;
}

export const isTried = ({ byHand }: Step): boolean => byHand === undefined;

/** SQLSTATE of `duplicate_object`: somebody else was quicker. */
const DUPLICATE = '42710';
/** What the server does not say itself when it has only warned. */
export const NOT_DONE = 'permission denied: the server did nothing';

/** Kind of the record of a role that this migration has created. */
export const CREATED_ROLE = 'role';

/** Runs each step by itself, whatever becomes of the others. Gives those that are open afterwards. */
export async function runSteps(client: pg.Client, steps: readonly Step[]): Promise<OpenStep[]> {
  const open: OpenStep[] = [];
  for (const step of steps) {
    if (step.byHand !== undefined) {
      open.push({ ...step, reason: step.byHand });
      continue;
    }
    await client.query('BEGIN');
    const reason = await runStep(client, step).catch(async (error: unknown) => {
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    });
    await client.query(reason === null ? 'COMMIT' : 'ROLLBACK');
    if (reason !== null) open.push({ ...step, reason });
  }
  return open;
}

/** Runs a step in the transaction that `client` is in; why it was not done, or null. Throws what is not the server's answer. */
async function runStep(client: pg.Client, { sql, holds, creates }: Step): Promise<string | null> {
  try {
    await client.query(sql);
  } catch (error) {
    if (sqlState(error) === null) throw error;
    return sqlState(error) === DUPLICATE ? null : error instanceof Error ? error.message : '';
  }
  if (creates !== undefined) await recordObject(client, CREATED_ROLE, creates);
  if (holds === undefined) return null;
  const { rows } = await client.query<{ done: string }>(`SELECT ${holds} AS done`);
  return rows[0]?.done === 't' ? null : NOT_DONE;
}

/** The same inside a transaction that goes on whatever becomes of the step. */
export async function runStepWithin(client: pg.Client, step: Step): Promise<string | null> {
  await client.query('SAVEPOINT step');
  const reason = await runStep(client, step);
  await client.query(reason === null ? 'RELEASE SAVEPOINT step' : 'ROLLBACK TO SAVEPOINT step');
  return reason;
}

/** A comment as SQL takes it. */
export const commentLiteral = (comment: string | null): string => (comment === null ? 'NULL' : quoteLiteral(comment));
