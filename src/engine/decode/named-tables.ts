import { isServerSchema } from '../source/belongs.ts';
import type { StreamRelation } from './change.ts';

/** What a migration that was begun before there was wal2json has not recorded is absent. */
export interface NamedColumn {
  readonly name: string;
  /** As `format_type` writes it. */
  readonly type: string;
  /** Of the type, on the source. */
  readonly oid?: number;
  /** `attnum` */
  readonly position?: number;
  /** Its values may be TOASTed. */
  readonly toast?: boolean;
  /** Written by the server itself, on either side. */
  readonly generated?: boolean;
}

/** A table as the source's catalog described it when the slot began: for streams that tell tables by name. */
export interface NamedTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `nothing` also for DEFAULT without a primary key that could serve. */
  readonly identity: StreamRelation['identity'];
  /** Names of the columns that identify a row; all of them with FULL. */
  readonly keys: readonly string[];
  readonly columns: readonly NamedColumn[];
  /** False: nothing of it is applied. */
  readonly wanted: boolean;
}

/** What the names of the stream stand for. */
export class NamedTables {
  /** By schema, by name. */
  readonly #tables = new Map<string, Map<string, NamedTable | null>>();

  readonly #leftOut: ReadonlySet<string>;

  /** `leftOut`: the schemas that are not migrated, as they were found when the slot began. */
  constructor(tables: Iterable<NamedTable>, leftOut: ReadonlySet<string> = new Set()) {
    this.#leftOut = leftOut;
    for (const table of tables) this.#set(table, table.wanted ? table : null);
  }

  /** Null: nothing of it is applied. Undefined: nobody has said yet what it is. */
  find({ schema, name }: { readonly schema: string; readonly name: string }): NamedTable | null | undefined {
    const found = this.#tables.get(schema)?.get(name);
    return found === undefined && this.#isLeftOut(schema) ? null : found;
  }

  /** Chunks stand beside TimescaleDB's own tables: somebody must say which is which. */
  #isLeftOut(schema: string): boolean {
    return isServerSchema(schema) || (this.#leftOut.has(schema) && schema !== CHUNK_SCHEMA);
  }

  /** From now on nothing of this name is applied. */
  ignore(of: { readonly schema: string; readonly name: string }): void {
    this.#set(of, null);
  }

  #set({ schema, name }: { readonly schema: string; readonly name: string }, table: NamedTable | null): void {
    const inSchema = this.#tables.get(schema) ?? new Map<string, NamedTable | null>();
    inSchema.set(name, table);
    this.#tables.set(schema, inSchema);
  }
}

/** Of TimescaleDB's schemas the one that holds chunks. A schema of this name that is not TimescaleDB's is like any other. */
const CHUNK_SCHEMA = '_timescaledb_internal';
