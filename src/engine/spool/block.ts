import { crc32 } from 'node:zlib';
import { MigrateError } from '../../errors/migrate-error.ts';
import { type Lsn, lsn } from '../../postgres/lsn.ts';

/**
 * A block is what one write appends to a segment:
 *
 *     magic u32 · body length u32 · crc32 u32 · commit offset u32 · commit end LSN u64 · previous end LSN u64 · body
 *     body: (length u32 · message)…
 *
 * A long message is several records: the length has its highest bit set then, the next one in all but the first, and
 * behind it stands how many bytes of the message follow in other records (u32).
 *
 * The commit offset is the length of the body up to and with its last commit, 0 when it holds none. The previous end is
 * that of the last commit in front of the block: a block or segment that is missing shows. The checksum covers
 * everything behind it.
 */
export const HEADER_BYTES = 32;
export const RECORD_HEADER_BYTES = 4;
const MAGIC = 0x544d_5350;

export interface BlockHeader {
  readonly bodyLength: number;
  readonly checksum: number;
  readonly commitOffset: number;
  readonly commitEnd: Lsn;
  readonly previousEnd: Lsn;
}

/** Writes the header in front of a body that begins at `HEADER_BYTES` and ends with `block`. */
export function sealBlock(
  block: Buffer,
  of: { readonly commitOffset: number; readonly commitEnd: Lsn; readonly previousEnd: Lsn },
): void {
  block.writeUInt32BE(MAGIC, 0);
  block.writeUInt32BE(block.length - HEADER_BYTES, 4);
  block.writeUInt32BE(of.commitOffset, 12);
  block.writeBigUInt64BE(of.commitEnd, 16);
  block.writeBigUInt64BE(of.previousEnd, 24);
  block.writeUInt32BE(crc32(block.subarray(12)), 8);
}

/** Null when these are not the first bytes of a block, as at a torn tail. */
export function readHeader(bytes: Buffer): BlockHeader | null {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) return null;
  return {
    bodyLength: bytes.readUInt32BE(4),
    checksum: bytes.readUInt32BE(8),
    commitOffset: bytes.readUInt32BE(12),
    commitEnd: lsn(bytes.readBigUInt64BE(16)),
    previousEnd: lsn(bytes.readBigUInt64BE(24)),
  };
}

export const isIntact = (block: Buffer, header: BlockHeader): boolean =>
  block.length === HEADER_BYTES + header.bodyLength && crc32(block.subarray(12)) === header.checksum;

const PART = 0x8000_0000;
const NOT_FIRST = 0x4000_0000;
const LENGTH = 0x3fff_ffff;
const REST_BYTES = 4;

/** A message, or a part of a long one. */
export interface SpoolRecord {
  readonly bytes: Buffer;
  /** Null for a whole message. `rest`: bytes of it in the records behind. */
  readonly part: { readonly first: boolean; readonly rest: number } | null;
}

/** Bytes that a record takes in a body. */
export const recordBytes = ({ bytes, part }: SpoolRecord): number =>
  RECORD_HEADER_BYTES + (part === null ? 0 : REST_BYTES) + bytes.length;

/** Writes a record into `to` at an offset; copies its bytes. */
export function writeRecord(to: Buffer, offset: number, { bytes, part }: SpoolRecord): void {
  let at = offset;
  if (part === null) at = to.writeUInt32BE(bytes.length, at);
  else {
    // Bits of JavaScript's integers have a sign.
    at = to.writeUInt32BE((PART | (part.first ? 0 : NOT_FIRST) | bytes.length) >>> 0, at);
    at = to.writeUInt32BE(part.rest, at);
  }
  bytes.copy(to, at);
}

/** The records in `body` between two offsets, as views. */
export function* recordsOf(body: Buffer, from: number, to: number): Generator<SpoolRecord> {
  let at = from;
  while (at < to) {
    const word = body.readUInt32BE(at);
    const isPart = word >= PART;
    const length = isPart ? word & LENGTH : word;
    const start = at + RECORD_HEADER_BYTES + (isPart ? REST_BYTES : 0);
    if (start + length > to) {
      throw new MigrateError('TM4004', { side: 'local', message: 'a record of the spool ends outside its block' });
    }
    const bytes = body.subarray(start, start + length);
    const part = isPart ? { first: (word & NOT_FIRST) === 0, rest: body.readUInt32BE(at + RECORD_HEADER_BYTES) } : null;
    yield { bytes, part };
    at = start + length;
  }
}

/** The whole messages of a block, none of the long ones. */
export function* shortMessagesOf(body: Buffer, from: number, to: number): Generator<Buffer> {
  for (const { bytes, part } of recordsOf(body, from, to)) if (part === null) yield bytes;
}
