import { MigrateError } from '../../errors/migrate-error.ts';
import type { SpoolRecord } from './block.ts';

/** A message of this size or more is valid only until the next one is asked for: all of them share one buffer. */
export const SHARED_FROM_BYTES = 8 * 1024 * 1024;
const ROUND_UP_TO_BYTES = 32 * 1024 * 1024;

const broken = (): MigrateError =>
  new MigrateError('TM4004', { side: 'local', message: 'parts of a long message are missing in the spool' });

/** Puts the records of long messages together again. A long message stands in memory once: in here. */
export class LongMessage {
  #shared = Buffer.alloc(0);
  #message: Buffer | null = null;
  #filled = 0;

  /** Takes the next record. Gives the message when it is whole, else null. Throws TM4004 when records are missing. */
  add({ bytes, part }: SpoolRecord): Buffer | null {
    if (part === null) {
      if (this.#message) throw broken();
      return bytes;
    }
    if (part.first !== (this.#message === null)) throw broken();
    this.#message ??= this.#room(bytes.length + part.rest);
    const end = this.#filled + bytes.length;
    if (end + part.rest !== this.#message.length) throw broken();
    bytes.copy(this.#message, this.#filled);
    this.#filled = end;
    if (part.rest > 0) return null;
    const whole = this.#message;
    this.#message = null;
    this.#filled = 0;
    return whole;
  }

  /** Nothing waits for more any time soon: gives the memory back. */
  rest(): void {
    if (!this.#message) this.#shared = Buffer.alloc(0);
  }

  #room(bytes: number): Buffer {
    if (bytes < SHARED_FROM_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (this.#shared.length < bytes) {
      this.#shared = Buffer.alloc(0);
      this.#shared = Buffer.allocUnsafeSlow(Math.ceil(bytes / ROUND_UP_TO_BYTES) * ROUND_UP_TO_BYTES);
    }
    return this.#shared.subarray(0, bytes);
  }
}
