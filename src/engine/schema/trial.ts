import type pg from 'pg';
import { beginOperatorsPath, END_OPERATORS_PATH } from '../../postgres/search-path.ts';
import { sqlState } from '../error-policy.ts';
import type { ArchiveEntry } from './archive.ts';
import { isMissing, RESTORE_SETTINGS } from './restore.ts';
import { planBatches } from './trial-batches.ts';

/** An entry that the target refuses. */
export interface Refusal {
  readonly entry: ArchiveEntry;
  readonly state: string;
  readonly message: string;
  /** The functions of the server that it came from. */
  readonly context: string;
}

export interface Trial {
  readonly tried: number;
  /** Not tried: there was no time, or not enough locks. */
  readonly untried: number;
  readonly refusals: readonly Refusal[];
  /** Stand on what the options leave out. */
  readonly orphaned: readonly Refusal[];
  /** Functions whose body the target refuses; they are made all the same. */
  readonly bodies: readonly Refusal[];
}

export interface TrialOptions {
  readonly hasExclusions: boolean;
  /** Look into the bodies of functions as well: `check` says whether the source itself takes this one. */
  readonly bodies: {
    readonly searchPath: string;
    readonly acceptedBySource: (entry: ArchiveEntry) => Promise<boolean>;
  } | null;
  /** Time for all of it, in ms. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** Not tried: the engine goes on without them, they would fire during the trial, or their roles do not exist yet. */
const NOT_TRIED = new Set(['ACL', 'DEFAULT ACL', 'EVENT TRIGGER', 'SECURITY LABEL', 'PUBLICATION', 'SUBSCRIPTION']);
/** The engine goes on without these; what needs them is refused itself. */
const DISPENSABLE = new Set(['EXTENSION', 'PROCEDURAL LANGUAGE', 'SERVER', 'USER MAPPING', 'FOREIGN TABLE']);

const UNDEFINED_OBJECT = '42704';
const DUPLICATE_SCHEMA = '42P06';
/** lock_not_available, query_canceled, out_of_memory, too many locks: says nothing about the entry. */
const NO_ANSWER = new Set(['55P03', '57014', '53200']);

const AT_ONCE = 50;
const LOCK_TIMEOUT = '2s';

/** Half of what the server can lock at all, which all its sessions share. */
const LOCK_SPACE = `SELECT current_setting('max_locks_per_transaction')::int
  * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) / 2 AS locks`;

/**
 * Makes the entries on an empty target in transactions that are rolled back, and says which of them it refuses. Nothing stays:
 * DDL, sequences and notifications are transactional, and an entry that needs another is not tried when that was refused.
 */
export async function trySchema(
  target: pg.Client,
  all: readonly ArchiveEntry[],
  options: TrialOptions,
): Promise<Trial> {
  const entries = all.filter(
    ({ type, name }) => !NOT_TRIED.has(type) && !(type === 'COMMENT' && name.startsWith('EXTENSION ')),
  );
  const { rows } = await target.query<{ locks: string }>(LOCK_SPACE);
  const { batches, tooBig } = planBatches(entries, Number(rows[0]?.locks ?? 3200));
  const run = new Run(target, options);
  for (const batch of batches) {
    await run.batch(batch);
    if (run.outOfTime) break;
  }
  // A body may name what stands in another batch.
  const bodies = batches.length === 1 ? run.bodies : [];
  const untried = entries.filter(({ dumpId }) => !run.tried.has(dumpId)).length;
  const tried = entries.length - untried;
  return { tried, untried: Math.max(untried, tooBig.length), refusals: run.refusals, orphaned: run.orphaned, bodies };
}

class Run {
  readonly tried = new Set<number>();
  readonly refusals: Refusal[] = [];
  readonly orphaned: Refusal[] = [];
  readonly bodies: Refusal[] = [];
  readonly #target: pg.Client;
  readonly #options: TrialOptions;
  readonly #end: number;
  /** Refused, or standing on something refused. */
  readonly #gone = new Set<number>();
  /** The server gave no answer about them, or about what they stand on. */
  readonly #unknown = new Set<number>();

  constructor(target: pg.Client, options: TrialOptions) {
    this.#target = target;
    this.#options = options;
    this.#end = performance.now() + options.limitMs;
  }

  get outOfTime(): boolean {
    return performance.now() >= this.#end;
  }

  async batch(entries: readonly ArchiveEntry[]): Promise<void> {
    const target = this.#target;
    await target.query('BEGIN');
    try {
      await target.query(
        `SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'; SET LOCAL statement_timeout = ${this.#options.limitMs}`,
      );
      for (const [name, value] of Object.entries(RESTORE_SETTINGS)) {
        await target.query('SELECT set_config($1, $2, true)', [name, value]);
      }
      for (let start = 0; start < entries.length; start += AT_ONCE) {
        this.#options.signal.throwIfAborted();
        if (this.outOfTime) return;
        await this.#some(entries.slice(start, start + AT_ONCE));
      }
      if (this.#options.bodies) await this.#lookIntoBodies(entries);
    } finally {
      await target.query('ROLLBACK');
    }
  }

  async #some(entries: readonly ArchiveEntry[]): Promise<void> {
    const possible = entries.filter((entry) => this.#isPossible(entry));
    if (await this.#attempt(possible.map(({ sql }) => sql).join('\n;\n'))) {
      for (const entry of possible) await this.#one(entry);
    } else for (const { dumpId } of possible) this.tried.add(dumpId);
  }

  /** Without what it needs an entry would be refused for that alone. */
  #isPossible({ dumpId, dependencies }: ArchiveEntry): boolean {
    if (this.#gone.has(dumpId) || this.#unknown.has(dumpId)) return false;
    if (dependencies.some((id) => this.#unknown.has(id))) {
      this.#unknown.add(dumpId);
      return false;
    }
    if (!dependencies.some((id) => this.#gone.has(id))) return true;
    this.#gone.add(dumpId);
    this.tried.add(dumpId);
    return false;
  }

  async #one(entry: ArchiveEntry): Promise<void> {
    if (!this.#isPossible(entry)) return;
    const error = await this.#attemptAsMade(entry.sql);
    if (error && NO_ANSWER.has(sqlState(error) ?? '')) {
      this.#unknown.add(entry.dumpId);
      return;
    }
    const known = this.tried.has(entry.dumpId);
    this.tried.add(entry.dumpId);
    if (!error || this.#isAccepted(entry, error)) return;
    this.#gone.add(entry.dumpId);
    if (known) return;
    const refusal = refusalOf(entry, error);
    if (this.#options.hasExclusions && isMissing(error) && entry.type !== 'TABLE') this.orphaned.push(refusal);
    else this.refusals.push(refusal);
  }

  /** The engine goes on after this refusal. */
  #isAccepted({ type }: ArchiveEntry, error: Error): boolean {
    const state = sqlState(error);
    return (
      DISPENSABLE.has(type) ||
      (type === 'SCHEMA' && state === DUPLICATE_SCHEMA) ||
      (type === 'COMMENT' && isMissing(error)) ||
      // A role that is not there yet.
      (type === 'POLICY' && state === UNDEFINED_OBJECT)
    );
  }

  /** As the engine makes it: when a name is not found, again under the operator's search_path. */
  async #attemptAsMade(sql: string): Promise<Error | null> {
    const error = await this.#attempt(sql);
    if (!error || !isMissing(error)) return error;
    const again = await this.#attempt(`${beginOperatorsPath(this.#target)};\n${sql}\n;\n${END_OPERATORS_PATH}`);
    return again === null ? null : error;
  }

  /** Null when the target takes it. */
  async #attempt(sql: string): Promise<Error | null> {
    const target = this.#target;
    await target.query('SAVEPOINT trial');
    try {
      await target.query(sql);
      await target.query('RELEASE SAVEPOINT trial');
      return null;
    } catch (error) {
      if (sqlState(error) === null || !(error instanceof Error)) throw error;
      await target.query('ROLLBACK TO SAVEPOINT trial; RELEASE SAVEPOINT trial');
      return error;
    }
  }

  /** With all objects there, as the server looks into a body when a function is created. */
  async #lookIntoBodies(entries: readonly ArchiveEntry[]): Promise<void> {
    const { bodies } = this.#options;
    const functions = entries.filter(({ type, dumpId }) => ROUTINES.has(type) && !this.#gone.has(dumpId));
    if (!bodies || functions.length === 0) return;
    await this.#target.query(
      `SELECT set_config('search_path', $1, true), set_config('check_function_bodies', 'on', true)`,
      [bodies.searchPath],
    );
    for (const entry of functions) {
      if (this.outOfTime) return;
      const error = await this.#attempt(entry.sql.replace(/^CREATE (FUNCTION|PROCEDURE)\b/, 'CREATE OR REPLACE $1'));
      if (!error || NO_ANSWER.has(sqlState(error) ?? '')) continue;
      if (await bodies.acceptedBySource(entry)) {
        this.bodies.push(refusalOf(entry, error));
      }
    }
  }
}

function refusalOf(entry: ArchiveEntry, error: Error): Refusal {
  const context = 'where' in error && typeof error.where === 'string' ? error.where : '';
  const detail = 'detail' in error && typeof error.detail === 'string' ? ` (${error.detail})` : '';
  return { entry, state: sqlState(error) ?? '', message: `${error.message}${detail}`, context };
}

const ROUTINES = new Set(['FUNCTION', 'PROCEDURE']);
