import type { Lsn } from '../../postgres/lsn.ts';
import type { OutputPlugin } from '../decode/plugin.ts';
import type { SpoolChunk } from '../spool/reader.ts';

/** Where the transactions of a chunk end, for a plugin whose BEGIN does not tell. */
export class CommitsAhead {
  readonly #chunk: SpoolChunk;
  readonly #plugin: OutputPlugin;
  #ends: Lsn[] | null = null;
  #passed = 0;

  constructor(chunk: SpoolChunk, plugin: OutputPlugin) {
    this.#chunk = chunk;
    this.#plugin = plugin;
  }

  /** A commit was read. */
  passed(): void {
    this.#passed += 1;
  }

  /** The end of the transaction that begins behind the commits that were passed. */
  async nextEnd(): Promise<Lsn> {
    const { commitEndOf } = this.#plugin;
    this.#ends ??= this.#chunk.commitEnds(commitEndOf);
    return this.#ends[this.#passed] ?? this.#chunk.endOfNextCommit(commitEndOf);
  }
}
