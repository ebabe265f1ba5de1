import type { Lsn } from '../../postgres/lsn.ts';
import type { Change } from './change.ts';
import type { NamedTables } from './named-tables.ts';
import { pgoutput } from './pgoutput.ts';
import { testDecoding } from './test-decoding.ts';
import { wal2json } from './wal2json.ts';

/** What `--plugin` may be. https://www.postgresql.org/docs/current/logicaldecoding-output-plugin.html */
export const PLUGINS = ['pgoutput', 'test_decoding', 'wal2json'] as const;
export type PluginName = (typeof PLUGINS)[number];

/** Reads one record of the spool as changes. Not to be used for two streams, nor for one from two places. */
export type Decoder = (record: Buffer) => readonly Change[];

/** An output plugin of the source: what it is asked for, and how what it writes is read. */
export interface OutputPlugin {
  readonly name: PluginName;
  /**
   * It sends what is published, and describes each table. Without: it sends every table of the database, by name, so that
   * what a name stands for must be known from elsewhere (`NamedTables`).
   */
  readonly usesPublications: boolean;
  /** Its messages don't say where they stand: the LSN of the frame goes in front of each, 8 bytes. */
  readonly needsLsn: boolean;
  /** Oldest major release of a source in which the stream carries our messages. */
  readonly oldestSource: number;
  /** Options of START_REPLICATION, in SQL. `binary`: the fuller of two forms of values, see `MigrationRow.binaryStream`. */
  parameters(of: { readonly publications: readonly string[]; readonly binary: boolean }): string[];
  isBegin(record: Buffer): boolean;
  /** The end LSN when the record commits a transaction, else null. */
  commitEndOf(record: Buffer): Lsn | null;
  /** The table's OID when the record describes a table, else null. */
  describedRelation(record: Buffer): number | null;
  /**
   * The record for a warning of the server that comes in the middle of the stream, null for one that means nothing to the
   * rows. Absent: none does.
   */
  recordOfWarning?(text: string): Buffer | null;
  decoder(tables: NamedTables): Decoder;
}

const BY_NAME: Readonly<Record<PluginName, OutputPlugin>> = { pgoutput, test_decoding: testDecoding, wal2json };

export const pluginNamed = (name: PluginName): OutputPlugin => BY_NAME[name];
