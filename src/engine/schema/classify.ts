import type { ArchiveEntry } from './archive.ts';
import type { SourceSchema } from './dump.ts';

/** pg_class */
const RELATION_CLASS = 1259;

/** When, on the way of a migration, an object is made. */
export interface ClassifiedSchema {
  /** Before the rows, in this order. */
  readonly preData: readonly ArchiveEntry[];
  /** Indexes and unique constraints by the OID of the source table, in order: built as the table's copy ends. */
  readonly indexes: ReadonlyMap<number, readonly ArchiveEntry[]>;
  /** What completes the indexes once all are there: partition attachments, statistics, comments on them. */
  readonly afterIndexes: readonly ArchiveEntry[];
  readonly foreignKeys: readonly ArchiveEntry[];
  /** What must not exist while we write: triggers, rules, policies, row security. Made at cut-over, in this order. */
  readonly atCutover: readonly ArchiveEntry[];
}

const AFTER_INDEXES = new Set(['INDEX ATTACH', 'STATISTICS', 'COMMENT']);

/**
 * Sorts the archive's entries by the phase in which they are made. Foreign keys and triggers come last, so that they
 * can't refuse or repeat what already happened on the source.
 */
export function classify(schema: SourceSchema, skipIndex: (name: string) => boolean): ClassifiedSchema {
  const tables = new Map<number, number>();
  for (const entry of schema.preData) if (entry.classOid === RELATION_CLASS) tables.set(entry.dumpId, entry.oid);
  const indexes = new Map<number, ArchiveEntry[]>();
  const afterIndexes: ArchiveEntry[] = [];
  const foreignKeys: ArchiveEntry[] = [];
  const atCutover: ArchiveEntry[] = [];
  const late = new Set<number>();
  const skipped = new Set<number>();
  for (const entry of schema.postData) {
    const table = entry.dependencies.map((id) => tables.get(id)).find((oid) => oid !== undefined);
    if (entry.dependencies.some((id) => skipped.has(id))) {
      skipped.add(entry.dumpId);
    } else if ((entry.type === 'INDEX' || entry.type === 'CONSTRAINT') && table !== undefined) {
      if (entry.type === 'INDEX' && skipIndex(entry.name)) skipped.add(entry.dumpId);
      else indexes.set(table, [...(indexes.get(table) ?? []), entry]);
    } else if (entry.type === 'FK CONSTRAINT') {
      foreignKeys.push(entry);
      late.add(entry.dumpId);
    } else if (AFTER_INDEXES.has(entry.type) && !entry.dependencies.some((id) => late.has(id))) {
      afterIndexes.push(entry);
    } else {
      atCutover.push(entry);
      late.add(entry.dumpId);
    }
  }
  return { preData: schema.preData, indexes, afterIndexes, foreignKeys, atCutover };
}

export const countIndexes = (schema: ClassifiedSchema): number =>
  [...schema.indexes.values()].reduce((sum, entries) => sum + entries.length, 0);
