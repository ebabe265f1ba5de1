import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { ConnectionSettings } from '../../postgres/connection-string.ts';
import { displayName, qualified, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { mayHeal, sqlState, untilHealed } from '../error-policy.ts';
import type { CompressionReport, Emit } from '../events.ts';
import type { LivenessTimes } from '../liveness.ts';
import { inTransaction } from '../schema/restore.ts';
import { requireLock, Servers } from '../servers.ts';
import { readMigration } from '../target/progress-schema.ts';
import {
  listChunksToCompress,
  readCompressionTotals,
  readWaitingChunks,
  type WaitingChunk,
} from './chunks-to-compress.ts';
import { extensionSchema } from './make-hypertables.ts';
import { isPolicy, kindOf } from './policy-kinds.ts';
import { readJobs, runningJobs } from './source-jobs.ts';

export interface CompressOptions {
  /** Names the sessions. */
  readonly id: string;
  readonly source: ConnectionSettings;
  readonly target: ConnectionSettings;
  readonly liveness?: LivenessTimes | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Milliseconds until chunks that others hold are tried again, by the number of rounds in which all were held. */
  readonly pauseMs?: (round: number) => number;
}

/** So long others on the target wait behind us for a chunk that we wait for. */
const LOCK_TIMEOUT_MS = 500;
/** As many rounds in a row in which every chunk that is left was held by others, then they are left to the policies. */
const ROUNDS = 10;
const LONGEST_PAUSE_MS = 30_000;
const pause = (round: number): number => Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** round);

const LOCKED = new Set(['55P03', '40P01']);
type Outcome = 'done' | 'gone' | 'held' | { readonly refused: string };

/**
 * Compresses the target's chunks that wait for it, the oldest first, one at a time, each in a transaction of its own: it is compressed
 * or it is not, whatever happens. The migration is done by now: nothing that goes wrong here rejects, it is told.
 */
export async function compressChunks(options: CompressOptions): Promise<void> {
  const { emit, signal } = options;
  const servers = new Servers(options);
  const said: { last: CompressionReport | null } = { last: null };
  const tell = (compression: CompressionReport) => {
    said.last = compression;
    emit({ type: 'compression', ...compression });
  };
  try {
    await untilHealed(
      async (healthy) => {
        const target = await servers.onTarget('compress');
        const stop = () => servers.destroy(target);
        setMaxListeners(0, signal);
        signal.addEventListener('abort', stop, { once: true });
        try {
          await requireLock(target, servers);
          await servers.endLeftOvers(target);
          if ((await readMigration(target))?.phase !== 'done' || (await listChunksToCompress(target)) === 0) return;
          await compressAll(target, options, { tell, healthy });
        } finally {
          signal.removeEventListener('abort', stop);
          servers.destroy(target);
        }
      },
      { what: 'compressing chunks', side: 'target', emit, signal },
    );
  } catch (error) {
    const { last } = said;
    if (last) tell({ ...last, state: 'stopped', relation: null, chunk: null });
    if (!signal.aborted) {
      const why = error instanceof Error ? error.message : String(error);
      return emit({ type: 'warning', text: `Compression of chunks has ended: ${why}. ${GO_ON}` });
    }
    // What the server still compresses for nobody would hold its chunk.
    await servers.afterwards('target', (client) => servers.endLeftOvers(client)).catch(() => {});
    if (last) {
      const text = `Compression stopped: ${last.chunks_done} of ${last.chunks_total} chunks are done, none by halves. ${GO_ON}`;
      emit({ type: 'log', text });
    }
  }
}

const GO_ON = 'Go on with migrate --resume, or leave it to the policies of the target.';

async function compressAll(
  target: pg.Client,
  { signal, emit, pauseMs = pause }: CompressOptions,
  to: { readonly tell: (compression: CompressionReport) => void; readonly healthy: () => void },
): Promise<void> {
  const schema = await extensionSchema(target);
  let queue = await readWaitingChunks(target);
  const before = await readCompressionTotals(target);
  const now = {
    chunks_total: before.done + queue.length,
    chunks_done: before.done,
    bytes_before: before.bytesBefore,
    bytes_after: before.bytesAfter,
  };
  const policies = await compressionPolicies(target);
  const held = new Set<WaitingChunk>();
  const tell = (state: CompressionReport['state'], chunk: WaitingChunk | null) =>
    to.tell({
      state,
      ...now,
      chunks_held: held.size,
      relation: chunk?.relation ?? null,
      chunk: chunk ? displayName(chunk) : null,
    });
  /** What was refused once may have met somebody who did the same. */
  const refused = new Set<WaitingChunk>();
  for (let round = 0; ; ) {
    const again: WaitingChunk[] = [];
    let stepsAside = false;
    for (const chunk of queue) {
      signal.throwIfAborted();
      tell('running', chunk);
      const sizes = { before: 0, after: 0 };
      // A run of a policy that finds done what it wanted to do is told as a failed one.
      const runs = (await runningJobs(target, policies.get(chunk.relation) ?? [])).length > 0;
      stepsAside ||= runs;
      const outcome = runs ? 'held' : await compressOne(target, chunk, schema, sizes);
      if (outcome === 'held') {
        held.add(chunk);
        again.push(chunk);
        to.healthy();
        continue;
      }
      held.delete(chunk);
      if (outcome === 'gone') now.chunks_total -= 1;
      else if (outcome === 'done') {
        now.chunks_done += 1;
        now.bytes_before += sizes.before;
        now.bytes_after += sizes.after;
        to.healthy();
      } else if (refused.has(chunk)) {
        await target.query(`UPDATE tiger_migrate.compression SET state = 'left' WHERE schema = $1 AND name = $2`, [
          chunk.schema,
          chunk.name,
        ]);
        emit({ type: 'warning', text: leftAlone(chunk, outcome.refused, schema) });
      } else {
        refused.add(chunk);
        again.push(chunk);
      }
    }
    if (again.length === 0) break;
    round = again.length < queue.length ? 0 : round + 1;
    queue = again;
    // It takes its time, and comes to an end.
    if (stepsAside) round = Math.min(round, ROUNDS - 1);
    if (round >= ROUNDS) {
      for (const chunk of queue) emit({ type: 'warning', text: leftAlone(chunk, 'others hold it', schema) });
      break;
    }
    tell('running', null);
    await delay(pauseMs(round), undefined, { signal });
  }
  tell('done', null);
}

/** The numbers of the policies that compress, by what they compress. */
async function compressionPolicies(target: pg.Client): Promise<ReadonlyMap<string, readonly number[]>> {
  const policies = new Map<string, number[]>();
  for (const job of await readJobs(target)) {
    if (job.on === null || !isPolicy(job) || kindOf(job) !== 'compression') continue;
    const relation = displayName(job.on);
    policies.set(relation, [...(policies.get(relation) ?? []), job.id]);
  }
  return policies;
}

const leftAlone = (chunk: WaitingChunk, why: string, schema: string): string =>
  `Not compressed: a chunk of ${chunk.relation}: ${why}. Try again with migrate --resume, leave it to a policy, or run on the target: ` +
  `SELECT ${quoteIdent(schema)}.compress_chunk(${quoteLiteral(qualified(chunk))})`;

/** What it takes, and whether it is compressed: that is recorded for every chunk that is. */
const LOOK = `
WITH c AS MATERIALIZED (SELECT k.oid FROM pg_class k JOIN pg_namespace n ON n.oid = k.relnamespace WHERE n.nspname = $1 AND k.relname = $2)
SELECT c.oid::int8 AS oid, z.chunk_id IS NOT NULL AS compressed,
    coalesce(z.uncompressed_heap_size + z.uncompressed_toast_size + z.uncompressed_index_size, 0) AS before,
    coalesce(z.compressed_heap_size + z.compressed_toast_size + z.compressed_index_size, 0) AS after
  FROM c CROSS JOIN LATERAL _timescaledb_functions.show_chunk(c.oid::regclass) k
  LEFT JOIN _timescaledb_catalog.compression_chunk_size z ON z.chunk_id = k.chunk_id`;

async function look(target: pg.Client, { schema, name }: WaitingChunk) {
  const { rows } = await target.query<Record<'oid' | 'compressed' | 'before' | 'after', string>>(LOOK, [schema, name]);
  return rows[0];
}

async function compressOne(
  target: pg.Client,
  chunk: WaitingChunk,
  schema: string,
  sizes: { before: number; after: number },
): Promise<Outcome> {
  let outcome: Outcome = 'done';
  try {
    await inTransaction(target, async () => {
      await target.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
      const there = await look(target, chunk);
      if (there?.compressed === 'f') {
        // https://docs.tigerdata.com/api/latest/compression/compress_chunk/
        await target.query(`SELECT ${quoteIdent(schema)}.compress_chunk(${there.oid}::oid::regclass, true)`);
        const after = await look(target, chunk);
        // Merged into the one before it, whose sizes are not its own.
        if (after) Object.assign(sizes, { before: Number(after.before), after: Number(after.after) });
      }
      if (!there) outcome = 'gone';
      await record(target, chunk, there ? sizes : null);
    });
    return outcome;
  } catch (error) {
    const state = sqlState(error);
    if (state !== null && LOCKED.has(state)) return 'held';
    if (mayHeal(error) || state === null) throw error;
    return { refused: error instanceof Error ? error.message : String(error) };
  }
}

async function record(
  target: pg.Client,
  { schema, name }: WaitingChunk,
  sizes: { readonly before: number; readonly after: number } | null,
): Promise<void> {
  if (!sizes) {
    await target.query('DELETE FROM tiger_migrate.compression WHERE schema = $1 AND name = $2', [schema, name]);
    return;
  }
  await target.query(
    `UPDATE tiger_migrate.compression SET state = 'done', bytes_before = $3::bigint, bytes_after = $4::bigint
      WHERE schema = $1 AND name = $2`,
    [schema, name, String(sizes.before), String(sizes.after)],
  );
}
