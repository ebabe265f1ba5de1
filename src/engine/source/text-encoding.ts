import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import type { OutputPlugin } from '../decode/plugin.ts';

/** A text plugin's values come as the database keeps them: no server converts them. Rejects with TM1213. */
export async function requireUtf8(source: pg.Client, plugin: OutputPlugin): Promise<void> {
  const { rows } = await source.query<{ encoding: string }>(`SELECT current_setting('server_encoding') AS encoding`);
  if (rows[0]?.encoding === 'UTF8') return;
  throw new MigrateError('TM1213', {
    side: 'source',
    object: rows[0]?.encoding,
    message: `${plugin.name} sends text in the encoding of the database; only UTF8 is taken`,
    hint: 'Use --plugin pgoutput, whose values the source converts (PostgreSQL 14 or newer).',
  });
}
