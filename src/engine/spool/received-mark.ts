import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { INVALID_LSN, type Lsn, lsn } from '../../postgres/lsn.ts';

/**
 * Says how far the source had come without committing anything more for us: what a keepalive tells. Its position is
 * confirmed to the source, too, so that an idle database keeps no WAL and a server that shuts down need not wait.
 */
export interface ReceivedMark {
  /** The last commit in the spool at that time. */
  readonly commitEnd: Lsn;
  readonly received: Lsn;
}

const NAME = 'received';
const BYTES = 20;

/** Writes the mark durably. It is smaller than a sector, so that it is never half written. */
export async function writeReceivedMark(directory: string, mark: ReceivedMark): Promise<void> {
  const bytes = Buffer.alloc(BYTES);
  bytes.writeBigUInt64BE(mark.commitEnd, 0);
  bytes.writeBigUInt64BE(mark.received, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 16)), 16);
  const path = join(directory, NAME);
  const file = await open(path, 'r+', 0o600).catch(() => open(path, 'w', 0o600));
  try {
    await file.write(bytes, 0, BYTES, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Everything that the source had to say before this position is in the spool, whose last commit ends at `commitEnd`. A
 * mark that speaks of a later commit says nothing about this spool: it has lost its end.
 */
export async function holdsUpTo(directory: string, commitEnd: Lsn): Promise<Lsn> {
  const bytes = await readFile(join(directory, NAME)).catch(() => Buffer.alloc(0));
  if (bytes.length !== BYTES || crc32(bytes.subarray(0, 16)) !== bytes.readUInt32BE(16)) return commitEnd;
  const mark = { commitEnd: lsn(bytes.readBigUInt64BE(0)), received: lsn(bytes.readBigUInt64BE(8)) };
  const valid = mark.commitEnd <= commitEnd && mark.received > commitEnd && mark.received > INVALID_LSN;
  return valid ? mark.received : commitEnd;
}
