import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { runEngine } from '../src/commands/run-engine.ts';
import type { EngineEvent } from '../src/engine/events.ts';
import { type MigrationOptions, migrationOptionsSchema } from '../src/engine/options.ts';
import type { Action } from '../src/engine/process/protocol.ts';

export const say = (text: string) => process.stdout.write(`${text}\n`);
export const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

export async function sql(uri: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: uri });
  await client.connect();
  try {
    // VACUUM and CREATE DATABASE can't share a transaction with others.
    for (const statement of text.split(/;\s*\n|;\s+(?=CREATE INDEX)|;$/))
      if (statement.trim()) await client.query(statement);
  } finally {
    await client.end();
  }
}

export interface Timing {
  /** From the copy's begin to the begin of replay: rows, indexes, statistics. */
  readonly copyMs: number;
  /** The same with the schema, and the chunks of hypertables. */
  readonly wholeMs: number;
  /** From the begin of replay until it has caught up. */
  readonly replayMs: number;
  readonly changes: number;
}

/** Migrates; `meanwhile` runs once the snapshot is taken, and the copy waits for it. */
export async function migrate(
  source: string,
  target: string,
  options: Partial<MigrationOptions>,
  meanwhile: (() => Promise<void>) | null,
): Promise<Timing> {
  const directory = await mkdtemp(join(tmpdir(), 'tm-bench-'));
  const stop = new AbortController();
  const at = new Map<string, number>();
  let request: ((action: Action) => Promise<void>) | null = null;
  let changes = 0;
  const onEvent = (event: EngineEvent) => {
    if (event.type === 'snapshot') {
      void (meanwhile?.() ?? Promise.resolve()).then(() => request?.({ action: 'go' }));
    }
    if (event.type === 'phase') at.set(event.phase, performance.now());
    if (event.type === 'error') say(JSON.stringify(event));
    if (event.type === 'replay' && event.caught_up && !at.has('caught-up')) {
      at.set('caught-up', performance.now());
      changes = event.rows;
      stop.abort(new Error('measured'));
    }
  };
  try {
    await runEngine({
      directory,
      source,
      target,
      options: migrationOptionsSchema.parse(options),
      resume: false,
      waitForGo: true,
      env: process.env,
      onEvent,
      onReady: (ask) => {
        request = ask;
      },
      signal: stop.signal,
    });
    await sql(
      source,
      `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active AND database = current_database()`,
    );
    await sql(
      source,
      `DO $$ DECLARE p text; BEGIN FOR p IN SELECT pubname FROM pg_publication LOOP EXECUTE 'DROP PUBLICATION ' || p; END LOOP; END $$`,
    );
    const time = (name: string) => at.get(name) ?? Number.NaN;
    return {
      copyMs: time('replay') - time('copy'),
      wholeMs: time('replay') - time('schema'),
      replayMs: time('caught-up') - time('replay'),
      changes,
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
