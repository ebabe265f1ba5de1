import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { isUnchanged, type Tuple } from '../decode/tuple.ts';
import type { BoundColumn, BoundTable } from './bound-table.ts';
import { ChunkRoutes, isRouted, type Route } from './chunk-routes.ts';
import type { Folded } from './fold.ts';
import { RowEncoder } from './row-encoder.ts';

/** A staging table takes one column more than the table itself; the server's limit is 1,600. */
export const STAGEABLE_COLUMNS = 1590;
/** With so many staging tables in a session, ON COMMIT DELETE ROWS costs too much at every commit. */
const KEPT_STAGES = 64;

/** The set-wise statements did not hit the number of rows that they should have: look closer, one by one. */
export class WrongRowCount extends Error {}

async function copyRows(
  client: pg.Client,
  into: string,
  columns: readonly string[],
  rows: Iterable<Buffer>,
  binary: boolean,
) {
  const list = columns.length > 0 ? ` (${columns.join(', ')})` : '';
  const stream = client.query(copyFrom(`COPY ${into}${list} FROM STDIN${binary ? ' (FORMAT binary)' : ''}`));
  await pipeline(Readable.from(rows, { objectMode: true, highWaterMark: 1 }), stream);
  return stream.rowCount;
}

/** Of a column that each staging table has. */
const inGroup = (group: number): string => `s.tm_group OPERATOR(pg_catalog.=) ${group}::pg_catalog.int2`;

/** Applies folded changes with a handful of statements a table: one DELETE, one UPDATE for each set of sent columns, one COPY. */
export class SetWise {
  readonly #client: pg.Client;
  /**
   * OIDs on the source of tables that have a staging table in this session, least recently used first. Two of them may go to one table of
   * the target, with their columns in another order.
   */
  readonly #stages = new Map<number, string>();
  /** Staging tables that hold rows of the open transaction. */
  readonly #used = new Set<string>();
  readonly #chunks: ChunkRoutes;

  constructor(client: pg.Client) {
    this.#client = client;
    this.#chunks = new ChunkRoutes(client);
  }

  /** What was made or found since the savepoint is not there any more. */
  rolledBack(): void {
    this.#chunks.forget();
  }

  /** ON COMMIT DELETE ROWS has emptied the staging tables. */
  committed(): void {
    this.#used.clear();
  }

  /**
   * Makes the staging tables that a run needs, and drops those that were not needed for longest when there are too many.
   * Must run before the savepoint that the changes may be rolled back to.
   */
  async prepare(tables: readonly BoundTable[]): Promise<void> {
    for (const table of tables) {
      const { oid } = table.relation;
      const known = this.#stages.get(oid);
      this.#stages.delete(oid);
      this.#stages.set(oid, known ?? (await this.#createStage(table)));
    }
    for (const oid of [...this.#stages.keys()].slice(0, Math.max(this.#stages.size - KEPT_STAGES, 0))) {
      // The run's own come last: they stay, however many they are.
      if (tables.some((table) => table.relation.oid === oid)) break;
      await this.drop(oid);
    }
  }

  async #createStage(table: BoundTable): Promise<string> {
    const name = `tm_stage_${table.relation.oid}`;
    const columns = ['tm_group smallint', ...table.columns.map((column) => `c${column.index} ${column.baseType}`)];
    await this.#client.query(`CREATE TEMP TABLE ${name} (${columns.join(', ')}) ON COMMIT DELETE ROWS`);
    return `pg_temp.${name}`;
  }

  /** Forgets a table whose columns changed. */
  async drop(oid: number): Promise<void> {
    const name = this.#stages.get(oid);
    if (name === undefined) return;
    this.#stages.delete(oid);
    await this.#client.query(`DROP TABLE ${name}`);
  }

  /** Rejects with `WrongRowCount` or the server's error; the caller rolls back to its savepoint. */
  async apply(table: BoundTable, folded: Folded, binary: boolean): Promise<void> {
    if (table.match.by === 'key') await this.#changeExisting(table, table.match.columns, folded, binary);
    else if (folded.deletes.length > 0) await this.#deleteImages(table, folded.deletes, binary);
    if (folded.inserts.length > 0) {
      const encoder = new RowEncoder(binary ? 'binary' : 'text');
      const columns = table.columns.map((column) => column.index);
      for (const row of folded.inserts) encoder.add(row, columns, null, null);
      const idents = table.columns.map((column) => column.ident);
      const copied = await copyRows(this.#client, table.target, idents, encoder.finish(), binary);
      if (copied !== folded.inserts.length) throw new WrongRowCount(`${copied} of ${folded.inserts.length} inserted`);
    }
  }

  async #changeExisting(
    table: BoundTable,
    key: readonly BoundColumn[],
    folded: Folded,
    binary: boolean,
  ): Promise<void> {
    if (folded.deletes.length + folded.updates.length === 0) return;
    const columns = table.columns.map((column) => column.index);
    const keyColumns = new Set(key.map((column) => column.index));
    const notKey = new Set(columns.filter((column) => !keyColumns.has(column)));
    const encoder = new RowEncoder(binary ? 'binary' : 'text');
    for (const named of folded.deletes) encoder.add(named, columns, 0, notKey);
    const groups = groupBySentColumns(table, folded.updates);
    for (const [index, group] of groups.entries()) {
      for (const row of group.rows) encoder.add(row, columns, index + 1, null);
    }
    const stage = await this.#fill(table, encoder, binary);
    const join = key.map((column) => `t.${column.ident} ${column.equals} s.c${column.index}`).join(' AND ');
    if (folded.deletes.length > 0) {
      let hit = 0;
      for (const { rows, condition } of await this.#routes(table, stage, 0)) {
        const where = `${inGroup(0)}${condition} AND ${join}`;
        hit += (await this.#client.query(`DELETE FROM ${rows} t USING ${stage} s WHERE ${where}`)).rowCount ?? 0;
      }
      expectRows(table, 'DELETE', hit, folded.deletes.length);
    }
    for (const [index, group] of groups.entries()) {
      const changed = group.columns.filter((column) => !keyColumns.has(column.index));
      const set = (changed.length > 0 ? changed : key).map((column) => `${column.ident} = s.c${column.index}`);
      let hit = 0;
      for (const { rows, condition } of await this.#routes(table, stage, index + 1)) {
        const where = `${inGroup(index + 1)}${condition} AND ${join}`;
        const statement = `UPDATE ${rows} t SET ${set.join(', ')} FROM ${stage} s WHERE ${where}`;
        hit += (await this.#client.query(statement)).rowCount ?? 0;
      }
      expectRows(table, 'UPDATE', hit, group.rows.length);
    }
  }

  /** Where staged rows are to be looked for. */
  async #routes(table: BoundTable, stage: string, group: number): Promise<readonly Route[]> {
    if (!isRouted(table)) return [{ rows: table.rows, condition: '' }];
    const routes = await this.#chunks.routes(table, stage, group);
    if (routes) return routes;
    throw new WrongRowCount(`rows of ${table.display} have no chunk`);
  }

  /** Deletes as many rows of each image as are named, going through the table once. */
  async #deleteImages(table: BoundTable, rows: readonly Tuple[], binary: boolean): Promise<void> {
    const columns = table.columns.map((column) => column.index);
    const encoder = new RowEncoder(binary ? 'binary' : 'text');
    for (const row of rows) encoder.add(row, columns, 0, null);
    const stage = await this.#fill(table, encoder, binary);
    const named = imageOf(columns.map((column) => `c${column}`));
    const stored = imageOf(table.columns.map((column) => column.ident));
    const result = await this.#client.query(`
      DELETE FROM ${table.rows} t USING (
        SELECT r.partition, r.place FROM (
          SELECT r.partition, r.place, r.image, pg_catalog.row_number() OVER (PARTITION BY r.image) AS nth
            FROM (SELECT tableoid AS partition, ctid AS place, ${stored} AS image FROM ${table.rows}) r
           WHERE r.image OPERATOR(pg_catalog.=) ANY (SELECT ${named} FROM ${stage})) r
          JOIN (SELECT ${named} AS image, pg_catalog.count(*) AS n FROM ${stage} GROUP BY 1) s
            ON s.image OPERATOR(pg_catalog.=) r.image
         WHERE r.nth OPERATOR(pg_catalog.<=) s.n) d
       WHERE t.ctid OPERATOR(pg_catalog.=) d.place AND t.tableoid OPERATOR(pg_catalog.=) d.partition`);
    expectRows(table, 'DELETE', result.rowCount ?? 0, rows.length);
  }

  /** Puts rows into the staging table of a table, alone. Gives its name. */
  async #fill(table: BoundTable, encoder: RowEncoder, binary: boolean): Promise<string> {
    const stage = `pg_temp.tm_stage_${table.relation.oid}`;
    if (this.#used.has(stage)) await this.#client.query(`TRUNCATE ${stage}`);
    this.#used.add(stage);
    const staged = ['tm_group', ...table.columns.map((column) => `c${column.index}`)];
    await copyRows(this.#client, stage, staged, encoder.finish(), binary);
    return stage;
  }
}

/** One row's values as text: tells 1.0 from 1.00, can be hashed, and exists for every type. */
const imageOf = (columns: readonly string[]): string =>
  `ROW(${columns.join(', ')})::pg_catalog.text COLLATE pg_catalog."C"`;

function expectRows(table: BoundTable, command: string, hit: number, wanted: number): void {
  if (hit !== wanted) throw new WrongRowCount(`${command} on ${table.display} hit ${hit} rows instead of ${wanted}`);
}

/** Updates that left the same values out (unchanged TOAST) can share a statement. */
export function groupBySentColumns(
  table: Pick<BoundTable, 'columns'>,
  rows: readonly Tuple[],
): { columns: readonly BoundColumn[]; rows: Tuple[] }[] {
  const groups = new Map<string, { columns: readonly BoundColumn[]; rows: Tuple[] }>();
  for (const row of rows) {
    let left = '';
    for (const column of table.columns) if (isUnchanged(row, column.index)) left += `${column.index},`;
    const group = groups.get(left);
    if (group) group.rows.push(row);
    else groups.set(left, { columns: table.columns.filter((c) => !isUnchanged(row, c.index)), rows: [row] });
  }
  return [...groups.values()];
}
