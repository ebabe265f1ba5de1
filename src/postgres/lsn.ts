/**
 * A write-ahead log position: a byte offset into the source's WAL, 64 bit.
 * https://www.postgresql.org/docs/current/datatype-pg-lsn.html
 */
export type Lsn = bigint & { readonly __lsn: unique symbol };

export const lsn = (value: bigint): Lsn => value as Lsn;

export const INVALID_LSN: Lsn = lsn(0n);

/** Reads PostgreSQL's text form, `16/B374D848`. Throws `SyntaxError` on anything else. */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match) throw new SyntaxError(`not an LSN: ${JSON.stringify(text)}`);
  return lsn((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`));
}

/** PostgreSQL's text form, `16/B374D848`. */
export function formatLsn(value: Lsn): string {
  return `${(value >> 32n).toString(16).toUpperCase()}/${(value & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

export const maxLsn = (a: Lsn, b: Lsn): Lsn => (a > b ? a : b);

/** Bytes between two positions; 0 when `to` is not after `from`. */
export const lsnDistance = (from: Lsn, to: Lsn): number => (to > from ? Number(to - from) : 0);
