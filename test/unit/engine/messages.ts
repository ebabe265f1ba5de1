/** pgoutput messages, put together by hand: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html */

export const u8 = (value: number): Buffer => Buffer.from([value]);
export const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
export const i32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
export const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};
export const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const letter = (value: string): Buffer => Buffer.from(value, 'latin1');

/** `null`: NULL; `undefined`: an unchanged TOASTed value; a Buffer: binary form. */
export type Value = string | Buffer | null | undefined;

export const tuple = (values: readonly Value[]): Buffer =>
  Buffer.concat([
    u16(values.length),
    ...values.map((value) => {
      if (value === null) return letter('n');
      if (value === undefined) return letter('u');
      const bytes = Buffer.from(value as string);
      return Buffer.concat([letter(Buffer.isBuffer(value) ? 'b' : 't'), i32(bytes.length), bytes]);
    }),
  ]);

export const begin = (commit: bigint, xid = 7): Buffer => Buffer.concat([letter('B'), u64(commit), u64(0n), u32(xid)]);
export const commit = (commit: bigint, end: bigint): Buffer =>
  Buffer.concat([letter('C'), u8(0), u64(commit), u64(end), u64(0n)]);
export const insert = (relation: number, values: readonly Value[]): Buffer =>
  Buffer.concat([letter('I'), u32(relation), letter('N'), tuple(values)]);
export const update = (
  relation: number,
  values: readonly Value[],
  old: { readonly kind: 'K' | 'O'; readonly values: readonly Value[] } | null = null,
): Buffer =>
  Buffer.concat([
    letter('U'),
    u32(relation),
    ...(old ? [letter(old.kind), tuple(old.values)] : []),
    letter('N'),
    tuple(values),
  ]);
export const remove = (relation: number, kind: 'K' | 'O', values: readonly Value[]): Buffer =>
  Buffer.concat([letter('D'), u32(relation), letter(kind), tuple(values)]);
export const truncate = (relations: readonly number[], flags: number): Buffer =>
  Buffer.concat([letter('T'), u32(relations.length), u8(flags), ...relations.map(u32)]);
export const relation = (
  oid: number,
  schema: string,
  name: string,
  identity: string,
  columns: readonly { name: string; key?: boolean; type?: number; typmod?: number }[],
): Buffer =>
  Buffer.concat([
    letter('R'),
    u32(oid),
    text(schema),
    text(name),
    letter(identity),
    u16(columns.length),
    ...columns.map((column) =>
      Buffer.concat([u8(column.key ? 1 : 0), text(column.name), u32(column.type ?? 25), i32(column.typmod ?? -1)]),
    ),
  ]);
export const message = (prefix: string, content: string, lsn = 5n): Buffer =>
  Buffer.concat([letter('M'), u8(1), u64(lsn), text(prefix), u32(Buffer.byteLength(content)), Buffer.from(content)]);
