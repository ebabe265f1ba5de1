import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { INVALID_LSN, type Lsn, maxLsn } from '../../postgres/lsn.ts';
import { HEADER_BYTES, recordBytes, type SpoolRecord, sealBlock, writeRecord } from './block.ts';
import { holdsUpTo, writeReceivedMark } from './received-mark.ts';
import { cutAfter, recoverSpool, type SpoolEnd } from './recover.ts';
import { deleteSegmentsBefore, requireSegments, segmentPath, syncDirectory } from './segments.ts';

const INITIAL_BLOCK_BYTES = 64 * 1024;
const FULL_BLOCK_BYTES = 256 * 1024;

/** Messages on their way to disk; its buffer is owned by us, so that the network's may be reused. */
class PendingBlock {
  buffer = Buffer.allocUnsafe(INITIAL_BLOCK_BYTES);
  length = HEADER_BYTES;
  commitOffset = 0;
  commitEnd: Lsn = INVALID_LSN;
  readonly startsSegment: boolean;
  readonly previousEnd: Lsn;

  constructor(startsSegment: boolean, previousEnd: Lsn) {
    this.startsSegment = startsSegment;
    this.previousEnd = previousEnd;
  }

  append(record: SpoolRecord): void {
    const needed = this.length + recordBytes(record);
    if (needed > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
      this.buffer.copy(grown, 0, 0, this.length);
      this.buffer = grown;
    }
    writeRecord(this.buffer, this.length, record);
    this.length = needed;
  }

  markCommit(end: Lsn): void {
    this.commitOffset = this.length - HEADER_BYTES;
    this.commitEnd = end;
  }

  cutToCommit(): void {
    this.length = HEADER_BYTES + this.commitOffset;
  }
}

export interface SpoolWriterOptions {
  readonly directory: string;
  /** Bytes after which a new segment is begun. */
  readonly segmentBytes: number;
  /** What a new segment begins with, so that it can be read without the ones before it. */
  readonly prologue: () => Iterable<Buffer>;
  /** Called when more whole transactions can be read. */
  readonly onReadable: (end: SpoolEnd) => void;
}

/**
 * Appends the stream to segment files. `append` copies at once; writing goes on in the background in blocks; `sync`
 * makes durable what is written and tells up to which LSN that is: only this may be confirmed to the source.
 */
export class SpoolWriter {
  readonly #options: SpoolWriterOptions;
  #file: FileHandle | null = null;
  #segment: number;
  /** Size of the current segment on disk, and with what is still pending. */
  #fileBytes = 0;
  #plannedBytes = 0;
  #queue: PendingBlock[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | null = null;
  #end: SpoolEnd;
  #syncedEnd: Lsn;
  #durable: Lsn;
  /** End of the last commit that was appended, written or not. */
  #appendedEnd: Lsn;
  /** In the middle of a long message. */
  #inside = false;

  private constructor(options: SpoolWriterOptions, end: SpoolEnd, durable: Lsn) {
    this.#options = options;
    this.#end = end;
    this.#segment = end.position.segment;
    this.#syncedEnd = end.commitEnd;
    this.#appendedEnd = end.commitEnd;
    this.#durable = durable;
  }

  /** Opens the spool in `directory`, making it when it is not there, and cuts a torn tail off. */
  static async open(options: SpoolWriterOptions): Promise<SpoolWriter> {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    const end = await recoverSpool(options.directory);
    const writer = new SpoolWriter(options, end, await holdsUpTo(options.directory, end.commitEnd));
    await writer.#openSegmentAt(end);
    return writer;
  }

  /** End of the last whole transaction that can be read back. */
  get end(): SpoolEnd {
    return this.#end;
  }

  /** Everything that the source had to say before this is on disk, or was, and has been applied. */
  get durable(): Lsn {
    return this.#durable;
  }

  /** Bytes that wait to be written: the reason to stop reading from the network for a while. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * Takes one message, or a part of a long one of which `rest` bytes come in the next calls; its bytes are copied before
   * this returns. `commitEnd` is the end LSN when the message commits a transaction, else null.
   */
  append(message: Buffer, commitEnd: Lsn | null, rest = 0): void {
    let block = this.#queue.at(-1);
    if (!block || block.length >= FULL_BLOCK_BYTES) block = this.#beginBlock();
    const before = block.length;
    block.append({ bytes: message, part: rest > 0 || this.#inside ? { first: !this.#inside, rest } : null });
    this.#inside = rest > 0;
    if (commitEnd !== null) {
      block.markCommit(commitEnd);
      this.#appendedEnd = commitEnd;
    }
    this.#pendingBytes += block.length - before;
    this.#plannedBytes += block.length - before;
  }

  #beginBlock(): PendingBlock {
    // The prologue would stand between the parts of a message.
    const startsSegment = this.#plannedBytes >= this.#options.segmentBytes && !this.#inside;
    const block = new PendingBlock(startsSegment, this.#appendedEnd);
    if (startsSegment) {
      this.#plannedBytes = 0;
      for (const bytes of this.#options.prologue()) block.append({ bytes, part: null });
    }
    this.#plannedBytes += block.length;
    this.#pendingBytes += block.length;
    this.#queue.push(block);
    return block;
  }

  /** Writes what is pending. Rejects with the file system's error (`ENOSPC`…); nothing is lost, call it again. */
  flush(): Promise<void> {
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #drain(): Promise<void> {
    for (;;) {
      const block = this.#queue[0];
      if (!block) return;
      if (block.startsSegment && this.#fileBytes > 0) await this.#nextSegment();
      const bytes = block.buffer.subarray(0, block.length);
      sealBlock(bytes, block);
      // Out of the queue the block is closed: appends begin another one.
      this.#queue.shift();
      try {
        await this.#writeAt(bytes, this.#fileBytes);
      } catch (error) {
        // Half a block may stand there; the next try writes over it. The block goes back to the head of the queue.
        this.#queue.unshift(block);
        throw error;
      }
      const position = this.#fileBytes;
      this.#fileBytes += bytes.length;
      this.#pendingBytes -= bytes.length;
      if (block.commitOffset > 0) {
        this.#end = {
          position: { segment: this.#segment, block: position, offset: block.commitOffset },
          commitEnd: block.commitEnd,
        };
        this.#options.onReadable(this.#end);
      }
    }
  }

  async #writeAt(bytes: Buffer, position: number): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const result = await this.#current().write(bytes, written, bytes.length - written, position + written);
      written += result.bytesWritten;
    }
  }

  #current(): FileHandle {
    if (!this.#file) throw new Error('the spool is closed');
    return this.#file;
  }

  async #nextSegment(): Promise<void> {
    const full = this.#current();
    await full.sync();
    const next = await open(segmentPath(this.#options.directory, this.#segment + 1), 'w', 0o600);
    await syncDirectory(this.#options.directory);
    this.#file = next;
    this.#segment += 1;
    this.#fileBytes = 0;
    await full.close();
  }

  async #openSegmentAt(end: SpoolEnd): Promise<void> {
    const path = segmentPath(this.#options.directory, end.position.segment);
    this.#segment = end.position.segment;
    this.#file = await open(path, end.position.offset === 0 ? 'w' : 'r+', 0o600);
    await syncDirectory(this.#options.directory);
    this.#fileBytes = end.position.offset === 0 ? 0 : end.position.block + HEADER_BYTES + end.position.offset;
    this.#plannedBytes = this.#fileBytes;
  }

  /**
   * Makes durable what is written, and tells up to where everything that the source had to say is safe on disk: the end
   * of the last whole transaction, or `received` when nothing before it is on its way any more (`INVALID_LSN` while a
   * transaction is). This, and nothing else, may be confirmed to the source.
   */
  async sync(received: Lsn): Promise<Lsn> {
    await requireSegments(this.#options.directory, {
      segment: this.#segment,
      info: await this.#current().stat(),
      bytes: this.#fileBytes,
    });
    const end = this.#end.commitEnd;
    const quiet = this.#pendingBytes === 0 ? received : INVALID_LSN;
    if (end !== this.#syncedEnd) {
      await this.#current().sync();
      this.#syncedEnd = end;
    }
    if (quiet > end && quiet > this.#durable) {
      await writeReceivedMark(this.#options.directory, { commitEnd: end, received: quiet });
      this.#durable = quiet;
    }
    this.#durable = maxLsn(this.#durable, end);
    return this.#durable;
  }

  /**
   * Drops what is not written, and the transaction that was not received to its end: after a broken connection the source
   * sends it again, for nothing of it was confirmed. Readers never saw any of it. Needs no room on the disk.
   */
  async cutToLastCommit(): Promise<void> {
    await this.#writing?.catch(() => {});
    this.#queue = [];
    this.#pendingBytes = 0;
    this.#appendedEnd = this.#end.commitEnd;
    this.#inside = false;
    const file = this.#file;
    this.#file = null;
    await file?.close();
    await cutAfter(this.#options.directory, this.#end);
    await this.#openSegmentAt(this.#end);
  }

  /**
   * Begins a new segment and deletes all others, when everything in them is applied and nothing is pending: on a disk that
   * is short the one that is being written would else never be given back.
   */
  async beginAnew(): Promise<void> {
    const { directory, onReadable } = this.#options;
    const segment = this.#segment + 1;
    const next = await open(segmentPath(directory, segment), 'w', 0o600);
    const before = this.#file;
    this.#file = next;
    this.#segment = segment;
    this.#fileBytes = 0;
    this.#plannedBytes = 0;
    this.#end = { position: { segment, block: 0, offset: 0 }, commitEnd: this.#end.commitEnd };
    onReadable(this.#end);
    await before?.close();
    await syncDirectory(directory);
    await deleteSegmentsBefore(directory, segment);
  }

  /** Bytes in the segment that is being written. */
  get segmentBytes(): number {
    return this.#fileBytes;
  }

  async close(): Promise<void> {
    await this.#writing?.catch(() => {});
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }
}
