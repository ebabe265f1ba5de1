import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { INVALID_LSN, type Lsn } from '../../postgres/lsn.ts';
import { type BlockHeader, HEADER_BYTES, readHeader, recordsOf, shortMessagesOf } from './block.ts';
import { LongMessage } from './long-message.ts';
import { damaged, readBlock, readExactly, type SpoolEnd } from './recover.ts';
import { isBefore, listSegments, type SpoolPosition, segmentPath } from './segments.ts';

export type CommitEndOf = (record: Buffer) => Lsn | null;

/**
 * A run of messages, read from one block. They are views; the block lives as long as they do. A long message comes with
 * the block that it ends in, and from `SHARED_FROM_BYTES` on is valid only until the next one is asked for.
 */
export interface SpoolChunk {
  /** To be gone through once. */
  readonly messages: Iterable<Buffer>;
  /** The ends of the transactions that are committed in the chunk. */
  readonly commitEnds: (commitEndOf: CommitEndOf) => Lsn[];
  /** The end of the first commit behind the chunk; for a chunk that ends inside a transaction. */
  readonly endOfNextCommit: (commitEndOf: CommitEndOf) => Promise<Lsn>;
  /** Where the chunk ends. */
  readonly end: SpoolPosition;
  /** True when nothing more can be read at this moment. */
  readonly last: boolean;
}

/** Announces how far whole transactions can be read; the writer moves it, readers wait for it. */
export class SpoolWatermark {
  #end: SpoolEnd;
  /** Everything before is on the target. */
  applied: Lsn = INVALID_LSN;
  #waiters: (() => void)[] = [];

  constructor(end: SpoolEnd) {
    this.#end = end;
  }

  get end(): SpoolEnd {
    return this.#end;
  }

  advance(end: SpoolEnd): void {
    this.#end = end;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  /** Resolves at the next advance, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const wake = () => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiters.push(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

/**
 * Reads the spool from its beginning, and waits for more at its end. Never reads beyond the last whole transaction, so
 * what the writer cuts off was never seen here. `applied` is where the reader's work goes on: nothing behind it may be
 * missing. Throws TM4004 when a block is damaged, or when one is missing. Ends when the signal aborts.
 */
export async function* readSpool(
  directory: string,
  watermark: SpoolWatermark,
  applied: Lsn,
  signal: AbortSignal,
): AsyncGenerator<SpoolChunk, void, void> {
  let position: SpoolPosition = { segment: (await listSegments(directory))[0] ?? 0, block: 0, offset: 0 };
  let file: FileHandle | null = null;
  let openNumber: number | null = null;
  /** The end of the last commit in front of the next block; unknown at the beginning. */
  let commitEnd: Lsn | null = null;
  const long = new LongMessage();
  const openSegment = async (segment: number): Promise<FileHandle> => {
    if (file && openNumber === segment) return file;
    await file?.close();
    file = null;
    file = await open(segmentPath(directory, segment), 'r').catch((error: unknown) => {
      throw error instanceof Error && 'code' in error && error.code === 'ENOENT' ? damaged(position) : error;
    });
    openNumber = segment;
    return file;
  };
  try {
    while (!signal.aborted) {
      const end = watermark.end.position;
      if (!isBefore(position, end)) {
        await watermark.next(signal);
        continue;
      }
      const handle = await openSegment(position.segment);
      if (position.segment < end.segment && position.block >= (await handle.stat()).size) {
        position = { segment: position.segment + 1, block: 0, offset: 0 };
        // A deleted file gives its room back only when nobody has it open.
        await handle.close();
        file = null;
        openNumber = null;
        continue;
      }
      const found = await readPatiently(handle, position.block);
      if (!found) throw damaged(position);
      const { header, block } = found;
      if (position.offset === 0) {
        const follows = commitEnd === null ? header.previousEnd <= applied : header.previousEnd === commitEnd;
        if (!follows) throw damaged(position);
        commitEnd = header.commitOffset > 0 ? header.commitEnd : header.previousEnd;
      }
      const isEndBlock = position.segment === end.segment && position.block === end.block;
      const until = isEndBlock ? end.offset : header.bodyLength;
      const body = block.subarray(HEADER_BYTES);
      const from = position.offset;
      const messages = {
        *[Symbol.iterator]() {
          for (const record of recordsOf(body, from, until)) {
            const message = long.add(record);
            if (message) yield message;
          }
        },
      };
      const commitEnds = (commitEndOf: CommitEndOf) =>
        [...shortMessagesOf(body, from, until)].flatMap((message) => commitEndOf(message) ?? []);
      position =
        until < header.bodyLength || isEndBlock
          ? { ...position, offset: until }
          : { segment: position.segment, block: position.block + HEADER_BYTES + header.bodyLength, offset: 0 };
      const next = position;
      const endOfNextCommit = (commitEndOf: CommitEndOf) => firstCommitFrom(directory, next, commitEndOf);
      const last = !isBefore(position, watermark.end.position);
      yield { messages, commitEnds, endOfNextCommit, end: position, last };
      if (last) long.rest();
      if (isEndBlock) position = await stepOver(handle, position);
    }
  } finally {
    await (file as FileHandle | null)?.close();
  }

  /** Behind a block that was read to its end, once more has been written behind it. */
  async function stepOver(handle: FileHandle, at: SpoolPosition): Promise<SpoolPosition> {
    while (!signal.aborted && !isBefore(at, watermark.end.position)) await watermark.next(signal);
    if (signal.aborted) return at;
    const found = await readPatiently(handle, at.block);
    if (!found) throw damaged(at);
    return at.offset >= found.header.bodyLength
      ? { segment: at.segment, block: at.block + HEADER_BYTES + found.header.bodyLength, offset: 0 }
      : at;
  }
}

/**
 * Looks ahead for a commit, block by block: of those without one only the header is read. It is there, for a reader gets
 * whole transactions only.
 */
async function firstCommitFrom(directory: string, start: SpoolPosition, commitEndOf: CommitEndOf): Promise<Lsn> {
  for (let position = start; ; position = { segment: position.segment + 1, block: 0, offset: 0 }) {
    const file = await open(segmentPath(directory, position.segment), 'r').catch(() => {
      throw damaged(position);
    });
    try {
      const { size } = await file.stat();
      for (let block = position.block; block < size; ) {
        const header = readHeader(await readExactly(file, HEADER_BYTES, block));
        if (!header) throw damaged({ ...position, block });
        if (header.commitOffset > 0) {
          const found = await readPatiently(file, block);
          if (!found) throw damaged({ ...position, block });
          for (const record of shortMessagesOf(found.block.subarray(HEADER_BYTES), 0, found.header.commitOffset)) {
            const end = commitEndOf(record);
            if (end !== null) return end;
          }
        }
        block += HEADER_BYTES + header.bodyLength;
      }
    } finally {
      await file.close();
    }
  }
}

const TRIES = 5;

/** A block that is being cut at this very moment looks damaged for an instant. */
async function readPatiently(
  file: FileHandle,
  position: number,
): Promise<{ header: BlockHeader; block: Buffer } | null> {
  for (let attempt = 1; ; attempt += 1) {
    const found = await readBlock(file, position);
    if (found || attempt === TRIES) return found;
    await delay(10);
  }
}
