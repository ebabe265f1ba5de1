import { execFile } from 'node:child_process';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DemoServer } from '../../src/demo/server.ts';
import type { SmallDisk } from './small-disk.ts';

const run = promisify(execFile);

/** Moves the server's data onto one small disk and its WAL onto another, as many have it; starts it again there. */
export async function moveOntoDisks(server: DemoServer, of: { data: SmallDisk; wal: SmallDisk }): Promise<void> {
  await server.kill();
  const data = join(server.directory, 'data');
  for (const [from, to] of [
    [join(data, 'pg_wal'), join(of.wal.path, 'pg_wal')],
    [data, join(of.data.path, 'data')],
  ] as const) {
    await run('cp', ['-a', from, to]);
    await rm(from, { recursive: true });
    await symlink(to, from);
  }
  await server.restart();
}
