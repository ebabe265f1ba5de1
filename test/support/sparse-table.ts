import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { DemoServer } from '../../src/demo/server.ts';
import { withClient } from './test-servers.ts';

const GIB = 1024 ** 3;

/**
 * A table that has this size for PostgreSQL without filling the disk: its further segments, 1 GiB each, are files of
 * nothing. Nobody may read it. https://www.postgresql.org/docs/current/storage-file-layout.html
 */
export async function createSparseTable(server: DemoServer, database: string, gib: number): Promise<void> {
  const path = await withClient(server.uri(database), async (client) => {
    await client.query('CREATE TABLE public.large (id int); CHECKPOINT');
    const { rows } = await client.query<{ path: string }>("SELECT pg_relation_filepath('public.large') AS path");
    return rows[0]?.path ?? '';
  });
  const file = join(server.directory, 'data', path);
  const segments = Array.from({ length: gib }, (_, at) => (at === 0 ? file : `${file}.${at}`));
  await Promise.all(segments.map((segment) => makeHole(segment, GIB)));
}

async function makeHole(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'a');
  try {
    await file.truncate(bytes);
  } finally {
    await file.close();
  }
}
