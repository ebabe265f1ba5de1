import type pg from 'pg';
import { z } from 'zod';
import { type Lsn, parseLsn } from '../../postgres/lsn.ts';
import { MESSAGE_PREFIX } from '../decode/change.ts';

const contentSchema = z.object({ id: z.string(), at: z.number() });
/** What our logical messages say: who sent it, and when by this machine's clock (ms since 1970). */
export type Heartbeat = z.infer<typeof contentSchema>;

/**
 * Writes a transactional message into the source's WAL. When it comes out of the applier, everything that committed
 * before it has been applied; it also moves the slot of a quiet database on a busy server.
 * https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION
 */
export async function emitHeartbeat(client: pg.Client, id: string): Promise<Lsn> {
  const content = JSON.stringify({ id, at: Date.now() } satisfies Heartbeat);
  const { rows } = await client.query<{ lsn: string }>('SELECT pg_logical_emit_message(true, $1, $2) AS lsn', [
    MESSAGE_PREFIX,
    content,
  ]);
  return parseLsn(rows[0]?.lsn ?? '');
}

/** Null for what is not a message of ours. */
export function readHeartbeat(content: string): Heartbeat | null {
  try {
    const parsed = contentSchema.safeParse(JSON.parse(content));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
