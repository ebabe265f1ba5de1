import type { Stats } from 'node:fs';
import { open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { MigrateError } from '../../errors/migrate-error.ts';

/** Where in the spool something stands: segment number, byte offset of the block, offset in the block's body. */
export interface SpoolPosition {
  readonly segment: number;
  readonly block: number;
  readonly offset: number;
}

export const isBefore = (a: SpoolPosition, b: SpoolPosition): boolean =>
  a.segment !== b.segment ? a.segment < b.segment : a.block !== b.block ? a.block < b.block : a.offset < b.offset;

const NAME = /^(\d{12})\.spool$/;

export const segmentPath = (directory: string, segment: number): string =>
  join(directory, `${String(segment).padStart(12, '0')}.spool`);

/** The numbers of the segments that are there, ascending. */
export async function listSegments(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names
    .map((name) => NAME.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** Makes durable which files the directory has: a file's own fsync does not promise that. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}

/** Deletes the segments before `segment`: everything in them is applied durably. */
export async function deleteSegmentsBefore(directory: string, segment: number): Promise<void> {
  for (const number of await listSegments(directory)) {
    if (number < segment) await rm(segmentPath(directory, number), { force: true });
  }
}

/** The spool was deleted, or cut, by somebody else: what is in it or still comes can't be kept. TM4004. */
export const removed = (directory: string, cause?: unknown): MigrateError =>
  new MigrateError('TM4004', {
    side: 'local',
    object: directory,
    message: 'files of the spool were removed or cut while the engine worked with them',
    hint: 'Nothing more was confirmed to the source. All tables must be copied again, with a new slot: migrate --resync.',
    cause,
  });

/**
 * Makes sure that the segments are still there, without a gap, and the one that is being written has its size: a file that
 * was deleted can be written all the same, and what is in it is gone with the process. Rejects with TM4004.
 */
export async function requireSegments(
  directory: string,
  writing: { readonly segment: number; readonly info: Stats; readonly bytes: number },
): Promise<void> {
  const there = await listSegments(directory).catch((error: unknown) => {
    throw isMissing(error) ? removed(directory, error) : error;
  });
  const gap = there.some((number, at) => at > 0 && number !== (there[at - 1] ?? 0) + 1);
  const whole = writing.info.nlink > 0 && writing.info.size >= writing.bytes;
  if (gap || !whole || there.at(-1) !== writing.segment) throw removed(directory);
}

/** ENOENT: no such file or directory. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Bytes that the spool takes, bytes that are free for it, as an ordinary user sees them, and the size of the disk. */
export async function measureSpool(
  directory: string,
): Promise<{ bytes: number; freeBytes: number; diskBytes: number }> {
  let bytes = 0;
  for (const segment of await listSegments(directory)) {
    // A segment may be pruned between the two calls.
    bytes += await stat(segmentPath(directory, segment)).then(
      (info) => info.size,
      () => 0,
    );
  }
  const disk = await statfs(directory);
  return { bytes, freeBytes: disk.bavail * disk.bsize, diskBytes: disk.blocks * disk.bsize };
}
