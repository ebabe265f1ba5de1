import { readShapes, type TableShape } from '../../engine/ddl/shape.ts';
import { holdsRows, readTables, type SourceTable, selection } from '../../engine/source/catalog.ts';
import { type Difference, readDifferences } from '../../engine/source/partition-differences.ts';
import { placePartitions } from '../../engine/source/partition-places.ts';
import { displayName } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { counted, fail, info, listed, pass, warn } from '../outcome.ts';

/** SQL: which part of all hashes the partitions of `p` take, from 0 to 1. */
const SHARE_OF_HASHES = `(SELECT coalesce(sum(1 / (regexp_match(pg_get_expr(b.relpartbound, b.oid), 'modulus (\\d+)'))[1]::float8), 0)
    FROM pg_inherits i JOIN pg_class b ON b.oid = i.inhrelid WHERE i.inhparent = p.partrelid)`;

const KEY = `SELECT p.partrelid::oid::int8 AS oid, pg_get_partkeydef(p.partrelid) AS key,
    CASE WHEN p.partstrat = 'h' THEN ${SHARE_OF_HASHES} > 0.999999 ELSE p.partdefid <> 0 END AS "takesAll", (SELECT json_agg(a.attname) FROM unnest(p.partattrs) k(n) JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k.n)::text AS columns
  FROM pg_partitioned_table p WHERE p.partrelid = ANY ($1::oid[])`;

interface Tree {
  readonly name: string;
  readonly key: string;
  readonly columns: readonly string[];
  /** Every row finds a partition, whatever its hash or order is. */
  readonly takesAll: boolean;
  readonly difference: Difference;
  readonly partitions: readonly SourceTable[];
}

const WORDS: Readonly<Record<Difference, string>> = {
  hash: 'the hash of a value may differ on the target',
  order: 'text may be sorted in another order on the target',
};

/** https://www.postgresql.org/docs/current/ddl-partitioning.html */
export const partitionPlacement: Check = {
  id: 'target-partition-placement',
  side: 'target',
  title: 'Partitions on the target',
  severity: 'fail',
  wanted: 'every row belongs to the same partition on both sides',
  why:
    'The hash of an enum value depends on its OID, the hash of text on the encoding, and the order of text on the collation. Such rows are ' +
    'copied and replayed through the partitioned table, and the target puts each of them into its partition.',
  fix: 'Nothing has to be done if every row finds a partition. A partition of such a table is copied again together with all others.',
  async run({ source, target, options }) {
    const differences = await readDifferences(source, target);
    const tables = differences.size > 0 ? await readTables(source) : [];
    const trees = await treesOf(source, await placePartitions(source, target, tables), differences);
    const wanted = trees.filter(({ partitions }) => partitions.some((table) => selection(table, options) === 'all'));
    if (wanted.length === 0) return pass('each partition takes the rows that it has on the source');
    const lines = wanted.map(
      ({ name, key, difference, partitions }) =>
        `${name}, by ${key} (${counted(partitions.length, 'partition')}): ${WORDS[difference]}`,
    );
    const through = `Rows go through the partitioned table, and verify compares it as a whole:\n${lines.join('\n')}`;
    const others = unfit(tables, wanted);
    if (others.length > 0) {
      return fail(
        'TM1220',
        `${through}\nnot possible with unlogged or foreign partitions beside others: ${listed(others)}`,
        {
          fix: 'ALTER TABLE … SET LOGGED for unlogged partitions; DETACH foreign ones; or leave the partitioned table out: --exclude-table.',
        },
      );
    }
    const shapes = new Map(
      (
        await readShapes(
          source,
          wanted.flatMap(({ partitions }) => partitions.map(({ oid }) => oid)),
        )
      ).map((shape) => [shape.oid, shape]),
    );
    const untold = wanted.filter(({ partitions, columns }) =>
      partitions.some(({ oid }) => !tellsRow(shapes.get(oid), columns)),
    );
    const mayLack = wanted.filter(({ takesAll }) => !takesAll);
    const withoutDefault = mayLack.filter(({ difference }) => difference === 'order').map(({ name }) => name);
    const withoutRemainder = mayLack.filter(({ difference }) => difference === 'hash').map(({ name }) => name);
    if (untold.length + mayLack.length === 0) return info(through);
    return warn(
      [
        through,
        ...(untold.length > 0
          ? [
              `the key of a partition does not have the columns by which the table is partitioned, and may be that of other rows, too: ${listed(untold.map(({ name }) => name))}`,
            ]
          : []),
        ...(withoutDefault.length > 0
          ? [
              `without a DEFAULT partition, so that the target may refuse rows, or the bounds themselves: ${listed(withoutDefault)}`,
            ]
          : []),
        ...(withoutRemainder.length > 0
          ? [`without a partition for every remainder, so that the target may refuse rows: ${listed(withoutRemainder)}`]
          : []),
      ].join('\n'),
      {
        fix: [
          ...(untold.length > 0
            ? ['ALTER TABLE … REPLICA IDENTITY FULL for each of its partitions, on the source.']
            : []),
          ...(withoutRemainder.length > 0
            ? [
                'CREATE TABLE … PARTITION OF … FOR VALUES WITH (MODULUS …, REMAINDER …); for each remainder that is missing, on the source.',
              ]
            : []),
          ...(withoutDefault.length > 0
            ? [
                'Give a target database with the collation of the source and the same version of its library, or the table a DEFAULT partition.',
              ]
            : []),
        ].join('\n'),
      },
    );
  },
};

async function treesOf(
  source: Parameters<Check['run']>[0]['source'],
  placed: readonly SourceTable[],
  differences: ReadonlyMap<number, Difference>,
): Promise<Tree[]> {
  const byName = new Map(placed.map((table) => [displayName(table), table]));
  const partitions = new Map<string, SourceTable[]>();
  for (const table of placed) {
    if (!table.into?.throughParent) continue;
    const name = displayName(table.into);
    partitions.set(name, [...(partitions.get(name) ?? []), table]);
  }
  const oids = [...partitions.keys()].map((name) => byName.get(name)?.oid ?? 0);
  const { rows } = await source.query<Record<'oid' | 'key' | 'takesAll' | 'columns', string>>(KEY, [
    `{${oids.join(',')}}`,
  ]);
  const keys = new Map(rows.map((row) => [Number(row.oid), row]));
  return [...partitions].map(([name, some]) => {
    const oid = byName.get(name)?.oid ?? 0;
    const found = keys.get(oid);
    return {
      name,
      key: found?.key ?? '',
      columns: JSON.parse(found?.columns ?? '[]') as string[],
      takesAll: found?.takesAll === 't',
      difference: differences.get(oid) ?? 'hash',
      partitions: some,
    };
  });
}

/** Its identity tells a row from those of all partitions, not only of its own. */
const tellsRow = (shape: TableShape | undefined, columns: readonly string[]): boolean =>
  !shape || shape.identity === 'f' || shape.keys.length === 0 || columns.every((column) => shape.keys.includes(column));

/** Partitions of these trees whose rows do not come by the stream. */
const unfit = (tables: readonly SourceTable[], trees: readonly Tree[]): string[] => {
  const names = new Set(trees.map(({ name }) => name));
  return tables
    .filter(
      (table) =>
        (table.kind === 'foreign' || (holdsRows(table) && table.kind !== 'partition')) &&
        table.partOf.some((one) => names.has(displayName(one))),
    )
    .map(displayName);
};
