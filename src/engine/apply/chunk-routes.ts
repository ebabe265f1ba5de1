import type pg from 'pg';
import { qualified } from '../../postgres/identifiers.ts';
import { beginOperatorsPath, END_OPERATORS_PATH } from '../../postgres/search-path.ts';
import { parseSlices } from '../timescale/slices.ts';
import { readSlices } from '../timescale/source-hypertables.ts';
import type { BoundTable } from './bound-table.ts';

/** Staged rows that belong to one chunk. */
export interface Route {
  /** As statements address it: `ONLY …`. */
  readonly rows: string;
  /** A condition on the staging table `s`; begins with AND. */
  readonly condition: string;
}

interface Chunk {
  readonly rows: string;
  /** Inclusive and exclusive, counted as TimescaleDB does. */
  readonly from: bigint;
  readonly to: bigint;
}

const bound = (value: bigint): string => `'${value}'::pg_catalog.int8`;

const NEW_CHUNKS = `
SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.inhparent = $1::oid AND c.oid <> ALL ($2::oid[])`;

/** Whether rows can be routed: by time alone, and the time is a part of what they are found by. */
export function isRouted({ partitionedBy: [time, ...others], match }: BoundTable): boolean {
  return time !== undefined && others.length === 0 && match.by === 'key' && match.columns.includes(time);
}

/**
 * Knows to which chunk a row of a hypertable belongs whose rows go through its root. The server plans an UPDATE or DELETE of the root upon every
 * chunk, whatever its condition is: 12 ms with 500 of them, and a join with a batch of rows looked for each row in each chunk (19 s).
 */
export class ChunkRoutes {
  readonly #client: pg.Client;
  readonly #tables = new Map<number, Map<number, Chunk>>();

  constructor(client: pg.Client) {
    this.#client = client;
  }

  /** The chunks may be others by now. */
  forget(): void {
    this.#tables.clear();
  }

  /** The chunks that rows of a staging table belong to; null when there is one whose chunk is not to be found. */
  async routes(table: BoundTable, stage: string, group: number): Promise<Route[] | null> {
    const known = this.#chunksOf(table);
    if (known.size === 0) await this.#readNew(table, known);
    const routes = await this.#among(table, [...known.values()], stage, group);
    if (routes) return routes;
    await this.#readNew(table, known);
    return this.#among(table, [...known.values()], stage, group);
  }

  #chunksOf({ oid }: BoundTable): Map<number, Chunk> {
    const known = this.#tables.get(oid) ?? new Map<number, Chunk>();
    this.#tables.set(oid, known);
    return known;
  }

  async #readNew(table: BoundTable, known: Map<number, Chunk>): Promise<void> {
    // Inside the transaction that applies, and a look at the catalogs.
    await this.#client.query(END_OPERATORS_PATH);
    const { rows } = await this.#client.query<{ oid: string; schema: string; name: string }>(NEW_CHUNKS, [
      String(table.oid),
      `{${[...known.keys()].join(',')}}`,
    ]);
    const names = new Map(rows.map(({ oid, schema, name }) => [Number(oid), { schema, name }]));
    const slices = await readSlices(this.#client, [...names.keys()]);
    await this.#client.query(beginOperatorsPath(this.#client));
    for (const [oid, name] of names) {
      const [range] = parseSlices(slices.get(oid) ?? '{}').values();
      if (range) known.set(oid, { rows: `ONLY ${qualified(name)}`, from: range[0], to: range[1] });
    }
  }

  async #among(table: BoundTable, chunks: Chunk[], stage: string, group: number): Promise<Route[] | null> {
    chunks.sort((a, b) => (a.from < b.from ? -1 : 1));
    const value = `_timescaledb_functions.time_to_internal(s.c${table.partitionedBy[0]?.index})`;
    const { rows } = await this.#client.query<{ nth: string; high: string }>(
      `SELECT pg_catalog.width_bucket(${value}, $1::pg_catalog.int8[]) AS nth, pg_catalog.max(${value}) AS high FROM ${stage} s
        WHERE s.tm_group OPERATOR(pg_catalog.=) ${group}::pg_catalog.int2 GROUP BY 1`,
      [`{${chunks.map(({ from }) => from).join(',')}}`],
    );
    const routes: Route[] = [];
    for (const { nth, high } of rows) {
      const chunk = chunks[Number(nth) - 1];
      if (!chunk || BigInt(high) >= chunk.to) return null;
      const condition =
        rows.length === 1
          ? ''
          : ` AND ${value} OPERATOR(pg_catalog.>=) ${bound(chunk.from)} AND ${value} OPERATOR(pg_catalog.<) ${bound(chunk.to)}`;
      routes.push({ rows: chunk.rows, condition });
    }
    return routes;
  }
}
