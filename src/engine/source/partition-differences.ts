import type pg from 'pg';
import {
  type Comparing,
  type KeyColumn,
  type Order,
  orderKey,
  type PartitionKeys,
  readComparing,
  readPartitionKeys,
  readVersions,
} from './partition-keys.ts';

/** Why rows of a partitioned table may belong to other partitions on the target. */
export type Difference =
  /** The hash of a value is another one, or may be. */
  | 'hash'
  /** Text is sorted in another order, or may be: bounds may mean other rows there. */
  | 'order';

/** Types whose hash is computed from the value alone. OIDs of PostgreSQL's own types are the same on every server. */
const HASHED_BY_VALUE = new Set([
  // bool, bytea, "char", int8, int2, int4, oid, float4, float8
  16, 17, 18, 20, 21, 23, 26, 700, 701,
  // cidr, macaddr, inet, macaddr8, date, time, timestamp, timestamptz, interval, timetz, numeric, uuid, pg_lsn, xid8
  650, 829, 869, 774, 1082, 1083, 1114, 1184, 1186, 1266, 1700, 2950, 3220, 5069,
]);
/** name, text, bpchar, jsonb: from the bytes of the text in the server's encoding. */
const HASHED_BY_TEXT = new Set([19, 25, 1042, 3802]);

/** How two servers compare. */
export interface Servers {
  readonly there: Comparing;
  readonly here: Comparing;
  /** Both sort text by this collation in the same order. */
  readonly sameOrder: (column: KeyColumn) => boolean;
}

/** In what the target places rows of a partitioned table otherwise; null: in nothing. Pure. */
export function differenceOf({ strategy, columns }: PartitionKeys, servers: Servers): Difference | null {
  if (strategy === 'h') return columns.some((column) => hashesOtherwise(column, servers)) ? 'hash' : null;
  const otherwise = (column: KeyColumn): boolean => {
    if (column.collation === null) return column.ownClass && strategy === 'r';
    // The same bytes are equal to themselves, whatever the order is.
    const byBytes = strategy === 'l' && column.collation.deterministic && !column.expression && !column.ownClass;
    return !byBytes && !servers.sameOrder(column);
  };
  return columns.some(otherwise) ? 'order' : null;
}

function hashesOtherwise(column: KeyColumn, { there, here }: Servers): boolean {
  if (column.ownClass || column.expression || there.hashes !== here.hashes) return true;
  if (HASHED_BY_VALUE.has(column.type)) return false;
  if (!HASHED_BY_TEXT.has(column.type)) return true;
  return there.encoding !== here.encoding || column.collation?.deterministic === false;
}

const orderOf = ({ collation }: KeyColumn, of: Comparing): Order =>
  collation === null || collation.isDefault
    ? { provider: of.provider, locale: of.locale }
    : { provider: collation.provider, locale: collation.locale };

/** By code points, without a library that could change it. */
const byCodePoints = ({ provider, locale }: Order): boolean => provider === 'b' || /^(C|POSIX)(\.|$)/i.test(locale);

/** The partitioned tables of the source whose rows the target places otherwise, by OID. */
export async function readDifferences(source: pg.Client, target: pg.Client): Promise<Map<number, Difference>> {
  const keys = await readPartitionKeys(source);
  if (keys.size === 0) return new Map();
  const [there, here] = [await readComparing(source), await readComparing(target)];
  const columns = [...keys.values()].flatMap((one) => one.columns).filter(({ collation }) => collation !== null);
  const versionsThere =
    columns.length > 0
      ? await readVersions(
          source,
          columns.map((one) => orderOf(one, there)),
        )
      : null;
  const versionsHere =
    columns.length > 0
      ? await readVersions(
          target,
          columns.map((one) => orderOf(one, here)),
        )
      : null;
  const sameOrder = (column: KeyColumn): boolean => {
    const [one, other] = [orderOf(column, there), orderOf(column, here)];
    if (there.encoding !== here.encoding || column.ownClass) return false;
    if (byCodePoints(one) || byCodePoints(other)) return byCodePoints(one) && byCodePoints(other);
    const version = versionsThere?.get(orderKey(one));
    return orderKey(one) === orderKey(other) && version !== undefined && version === versionsHere?.get(orderKey(other));
  };
  const found = new Map<number, Difference>();
  for (const [oid, one] of keys) {
    const difference = differenceOf(one, { there, here, sameOrder });
    if (difference) found.set(oid, difference);
  }
  return found;
}
