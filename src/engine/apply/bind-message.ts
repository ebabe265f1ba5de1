/** A parameter as the source sent it: its bytes in text or binary form. */
export type Parameter = { readonly bytes: Buffer; readonly binary: boolean } | null;

/** Longer values are not copied into the message. */
const COPIED_BYTES = 64 * 1024;
/** A long value goes over in pieces, so that each can wait for the network. */
export const PIECE_BYTES = 1024 * 1024;

/** Cuts a long value into views. */
export function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/**
 * A Bind message for the unnamed portal, in pieces; no value is made into a string. node-postgres' own takes text
 * only as a string, and copies all into one buffer, which it doubles.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-BIND
 */
export function* bindMessage(statement: string, values: readonly Parameter[]): Generator<Buffer> {
  const name = Buffer.byteLength(statement);
  let length = 4 + 1 + name + 1 + 2 + values.length * 2 + 2 + 2;
  let copied = 1 + length;
  for (const value of values) {
    const bytes = value?.bytes.length ?? 0;
    length += 4 + bytes;
    copied += 4 + (bytes > COPIED_BYTES ? 0 : bytes);
  }
  const buffer = Buffer.allocUnsafe(copied);
  let at = buffer.write('B\0\0\0\0\0', 0, 'latin1');
  buffer.writeUInt32BE(length, 1);
  at += buffer.write(statement, at);
  buffer[at++] = 0;
  at = buffer.writeUInt16BE(values.length, at);
  for (const value of values) at = buffer.writeUInt16BE(value?.binary ? 1 : 0, at);
  at = buffer.writeUInt16BE(values.length, at);
  let from = 0;
  for (const value of values) {
    at = buffer.writeInt32BE(value === null ? -1 : value.bytes.length, at);
    if (value === null) continue;
    if (value.bytes.length <= COPIED_BYTES) {
      at += value.bytes.copy(buffer, at);
      continue;
    }
    yield buffer.subarray(from, at);
    from = at;
    yield* piecesOf(value.bytes);
  }
  // The results, if there were any, in text form.
  at = buffer.writeUInt16BE(0, at);
  yield buffer.subarray(from, at);
}
