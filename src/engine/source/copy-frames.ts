/** A longer CopyData message is handed on in parts. Far more than any BEGIN, COMMIT or description of a table takes. */
export const WHOLE_BYTES = 1024 * 1024;
/** Size of the parts; the last one is smaller. */
export const PART_BYTES = 128 * 1024;

const HEADER_BYTES = 5;
const COPY_DATA = 0x64;

export interface FrameHandlers {
  /**
   * The payload of a CopyData message, or a part of it: `rest` bytes of it come in the next calls. The bytes are valid
   * only during the call.
   */
  onCopyData(payload: Buffer, rest: number): void;
  /** Bytes of all other messages. */
  onOther(bytes: Buffer): void;
}

/**
 * Takes what a server sends apart into its messages, without ever holding a long one: node-postgres' parser collects
 * each whole, in a buffer that it doubles, and a row may have a gigabyte.
 * https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS
 */
export class CopyFrames {
  readonly #handlers: FrameHandlers;
  /** What waits for more bytes: a header, a message, or a part of a long one. */
  readonly #kept = Buffer.allocUnsafeSlow(WHOLE_BYTES + HEADER_BYTES);
  #keptBytes = 0;
  /** Bytes of a long CopyData message that have not been handed on, the kept ones too. */
  #restOfLong = 0;
  /** Bytes of a message that is not CopyData that are still to come. */
  #restOfOther = 0;

  constructor(handlers: FrameHandlers) {
    this.#handlers = handlers;
  }

  /** Takes what came from the network: any number of messages, cut anywhere. */
  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#restOfOther > 0) at = this.#passOther(bytes, at);
      else if (this.#restOfLong > 0) at = this.#takePart(bytes, at);
      else if (this.#keptBytes > 0) at = this.#complete(bytes, at);
      else at = this.#takeMessage(bytes, at);
    }
  }

  /** At the beginning of a message. */
  #takeMessage(bytes: Buffer, at: number): number {
    if (bytes.length - at < HEADER_BYTES) return this.#keep(bytes, at, bytes.length);
    const length = bytes.readUInt32BE(at + 1) - 4;
    const start = at + HEADER_BYTES;
    if (bytes[at] !== COPY_DATA) {
      this.#restOfOther = HEADER_BYTES + length;
      return at;
    }
    if (length > WHOLE_BYTES) {
      this.#restOfLong = length;
      return start;
    }
    if (bytes.length - start < length) return this.#keep(bytes, at, bytes.length);
    this.#handlers.onCopyData(bytes.subarray(start, start + length), 0);
    return start + length;
  }

  /** With the beginning of a message in hand. */
  #complete(bytes: Buffer, at: number): number {
    if (this.#keptBytes < HEADER_BYTES) {
      const next = this.#keep(bytes, at, Math.min(bytes.length, at + HEADER_BYTES - this.#keptBytes));
      if (this.#keptBytes < HEADER_BYTES) return next;
      const length = this.#kept.readUInt32BE(1) - 4;
      if (this.#kept[0] === COPY_DATA && length <= WHOLE_BYTES && length > 0) return next;
      // Anything else goes on as if its header had come in one piece.
      this.#keptBytes = 0;
      this.#takeMessage(this.#kept.subarray(0, HEADER_BYTES), 0);
      if (this.#restOfOther > 0) this.#passOther(this.#kept.subarray(0, HEADER_BYTES), 0);
      return next;
    }
    const whole = HEADER_BYTES + this.#kept.readUInt32BE(1) - 4;
    const next = this.#keep(bytes, at, Math.min(bytes.length, at + whole - this.#keptBytes));
    if (this.#keptBytes === whole) {
      this.#keptBytes = 0;
      this.#handlers.onCopyData(this.#kept.subarray(HEADER_BYTES, whole), 0);
    }
    return next;
  }

  #takePart(bytes: Buffer, at: number): number {
    const wanted = Math.min(PART_BYTES, this.#restOfLong);
    const next = this.#keep(bytes, at, Math.min(bytes.length, at + wanted - this.#keptBytes));
    if (this.#keptBytes === wanted) {
      this.#keptBytes = 0;
      this.#restOfLong -= wanted;
      this.#handlers.onCopyData(this.#kept.subarray(0, wanted), this.#restOfLong);
    }
    return next;
  }

  #passOther(bytes: Buffer, at: number): number {
    const next = Math.min(bytes.length, at + this.#restOfOther);
    this.#restOfOther -= next - at;
    this.#handlers.onOther(bytes.subarray(at, next));
    return next;
  }

  #keep(bytes: Buffer, from: number, to: number): number {
    bytes.copy(this.#kept, this.#keptBytes, from, to);
    this.#keptBytes += to - from;
    return to;
  }
}
