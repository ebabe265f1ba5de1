import { type FileHandle, open, unlink } from 'node:fs/promises';
import { MigrateError } from '../../errors/migrate-error.ts';
import { INVALID_LSN, type Lsn } from '../../postgres/lsn.ts';
import { type BlockHeader, HEADER_BYTES, isIntact, readHeader, sealBlock } from './block.ts';
import { listSegments, type SpoolPosition, segmentPath } from './segments.ts';

/** The end of the last whole transaction in the spool. */
export interface SpoolEnd {
  readonly position: SpoolPosition;
  readonly commitEnd: Lsn;
}

export const EMPTY_END: SpoolEnd = { position: { segment: 0, block: 0, offset: 0 }, commitEnd: INVALID_LSN };

/** Fewer bytes only where the file ends. */
export async function readExactly(file: FileHandle, length: number, position: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Reads the block at `position`; null where the file ends or what is there is not an intact block. */
export async function readBlock(
  file: FileHandle,
  position: number,
): Promise<{ header: BlockHeader; block: Buffer } | null> {
  const header = readHeader(await readExactly(file, HEADER_BYTES, position));
  if (!header) return null;
  const block = await readExactly(file, HEADER_BYTES + header.bodyLength, position);
  return isIntact(block, header) ? { header, block } : null;
}

/** What is wrong with a spool that is not as it was left. */
export const damaged = (position: SpoolPosition): MigrateError =>
  new MigrateError('TM4004', {
    side: 'local',
    object: `segment ${position.segment}, byte ${position.block}`,
    message: 'a block of the spool is damaged or missing',
    hint: 'The changes in it are lost: all tables must be copied again, with a new slot. Run migrate --resync.',
  });

/** The last commit in a segment, and how many bytes of it are intact blocks. */
async function scan(path: string, segment: number): Promise<{ end: SpoolEnd | null; intact: number; size: number }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    let end: SpoolEnd | null = null;
    let position = 0;
    for (;;) {
      const found = await readBlock(file, position);
      if (!found) return { end, intact: position, size };
      if (found.header.commitOffset > 0) {
        end = {
          position: { segment, block: position, offset: found.header.commitOffset },
          commitEnd: found.header.commitEnd,
        };
      }
      position += HEADER_BYTES + found.header.bodyLength;
    }
  } finally {
    await file.close();
  }
}

/** Cuts everything behind `end` off: a torn tail after a crash, a transaction whose rest will be sent again. */
export async function cutAfter(directory: string, end: SpoolEnd): Promise<void> {
  const { segment, block, offset } = end.position;
  for (const number of await listSegments(directory)) {
    if (number > segment || offset === 0) await unlink(segmentPath(directory, number));
  }
  if (offset === 0) return;
  const file = await open(segmentPath(directory, segment), 'r+');
  try {
    const cut = await readExactly(file, HEADER_BYTES + offset, block);
    const header = readHeader(cut);
    if (!header) throw damaged(end.position);
    sealBlock(cut, { ...header, commitOffset: offset });
    // In place, header first: a reader at this block finds either the long or the short one intact.
    await file.write(cut, 0, HEADER_BYTES, block);
    await file.truncate(block + cut.length);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Finds the end of the last whole transaction, cuts what stands behind it, and tells where to go on. Every block of the
 * segments that are read is verified against its checksum. A torn tail is what a crash leaves, but only in the last
 * segment: before a segment is begun the one before it is made durable. Anywhere else it is damage: TM4004.
 */
export async function recoverSpool(directory: string): Promise<SpoolEnd> {
  const segments = await listSegments(directory);
  for (const segment of segments.toReversed()) {
    const { end, intact, size } = await scan(segmentPath(directory, segment), segment);
    if (intact < size && segment !== segments.at(-1)) throw damaged({ segment, block: intact, offset: 0 });
    if (end) {
      await cutAfter(directory, end);
      return end;
    }
  }
  await cutAfter(directory, EMPTY_END);
  return EMPTY_END;
}

/**
 * That everything in a recovered spool from `applied` on is there and intact: each block against its checksum, and against
 * the one in front of it. Rejects with TM4004.
 */
export async function requireReadable(directory: string, applied: Lsn): Promise<void> {
  let commitEnd: Lsn | null = null;
  for (const segment of await listSegments(directory)) {
    const file = await open(segmentPath(directory, segment), 'r');
    try {
      const { size } = await file.stat();
      for (let block = 0; block < size; ) {
        const found = await readBlock(file, block);
        const before: Lsn | undefined = found?.header.previousEnd;
        const follows = before !== undefined && (commitEnd === null ? before <= applied : before === commitEnd);
        if (!found || !follows) throw damaged({ segment, block, offset: 0 });
        commitEnd = found.header.commitOffset > 0 ? found.header.commitEnd : found.header.previousEnd;
        block += HEADER_BYTES + found.header.bodyLength;
      }
    } finally {
      await file.close();
    }
  }
}
