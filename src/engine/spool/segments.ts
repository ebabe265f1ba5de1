import { open, readdir, stat, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';

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
    if (number < segment) await unlink(segmentPath(directory, number));
  }
}

/** Bytes that the spool takes, and bytes that are free for it, as an ordinary user sees them. */
export async function measureSpool(directory: string): Promise<{ bytes: number; freeBytes: number }> {
  let bytes = 0;
  for (const segment of await listSegments(directory)) {
    // A segment may be pruned between the two calls.
    bytes += await stat(segmentPath(directory, segment)).then(
      (info) => info.size,
      () => 0,
    );
  }
  const disk = await statfs(directory);
  return { bytes, freeBytes: disk.bavail * disk.bsize };
}
