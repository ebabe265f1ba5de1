import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitEndOf } from '../../../src/engine/decode/pgoutput.ts';
import { readSpool, SpoolWatermark } from '../../../src/engine/spool/reader.ts';
import { EMPTY_END } from '../../../src/engine/spool/recover.ts';
import { listSegments, segmentPath } from '../../../src/engine/spool/segments.ts';
import { SpoolWriter } from '../../../src/engine/spool/writer.ts';
import { INVALID_LSN, type Lsn } from '../../../src/postgres/lsn.ts';
import { begin, commit, insert } from './messages.ts';

/** A spool in a directory of its own, which is gone at the end of the test. */
export class SpoolDirectory implements AsyncDisposable {
  readonly directory: string;
  readonly prologue: Buffer[] = [];
  segmentBytes = 1024 * 1024;
  watermark = new SpoolWatermark(EMPTY_END);
  #writer: SpoolWriter | null = null;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<SpoolDirectory> {
    return new SpoolDirectory(await mkdtemp(join(tmpdir(), 'tiger-migrate-spool-')));
  }

  /** Opens the spool as a new process would. */
  async open(): Promise<SpoolWriter> {
    await this.#writer?.close();
    this.#writer = await SpoolWriter.open({
      directory: this.directory,
      segmentBytes: this.segmentBytes,
      prologue: () => this.prologue,
      onReadable: (end) => this.watermark.advance(end),
    });
    this.watermark = new SpoolWatermark(this.#writer.end);
    return this.#writer;
  }

  /** Everything that can be read now, as hex. */
  async read(applied: Lsn = INVALID_LSN): Promise<string[]> {
    const messages: string[] = [];
    if (this.watermark.end.position.offset === 0) return messages;
    for await (const chunk of readSpool(this.directory, this.watermark, applied, new AbortController().signal)) {
      for (const message of chunk.messages) messages.push(message.toString('hex'));
      if (chunk.last) break;
    }
    return messages;
  }

  segments(): Promise<number[]> {
    return listSegments(this.directory);
  }

  path(segment: number): string {
    return segmentPath(this.directory, segment);
  }

  bytes(segment: number): Promise<Buffer> {
    return readFile(this.path(segment));
  }

  overwrite(segment: number, bytes: Buffer): Promise<void> {
    return writeFile(this.path(segment), bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer?.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** The messages of transaction number `number` (from 1), which ends at LSN `100 × number`. */
export const transaction = (number: number, ...values: string[]): Buffer[] => [
  begin(endOf(number) - 10n),
  ...values.map((value) => insert(1, [value])),
  commit(endOf(number) - 10n, endOf(number)),
];

export const endOf = (number: number): Lsn => (BigInt(number) * 100n) as Lsn;

export function append(spool: SpoolWriter, messages: readonly Buffer[]): void {
  for (const message of messages) spool.append(message, commitEndOf(message));
}

export const hex = (messages: readonly Buffer[]): string[] => messages.map((message) => message.toString('hex'));
