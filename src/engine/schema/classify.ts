import type { ArchiveEntry } from './archive.ts';
import type { SourceSchema } from './dump.ts';
import { takesRightsOfOwner } from './privileges.ts';
import { withoutSkipped } from './skip-indexes.ts';

/** pg_class */
const RELATION_CLASS = 1259;

/** When, on the way of a migration, an object is made. */
export interface ClassifiedSchema {
  /** Before the rows, in this order. */
  readonly preData: readonly ArchiveEntry[];
  /** Indexes and unique constraints by the OID of the source table, in order: built as the table's copy ends. */
  readonly indexes: ReadonlyMap<number, readonly ArchiveEntry[]>;
  /** What stands on the indexes: partition attachments, statistics, views grouped by a key, comments on all that. */
  readonly afterIndexes: readonly ArchiveEntry[];
  readonly foreignKeys: readonly ArchiveEntry[];
  /** What stands on continuous aggregates, which are made once the rows and indexes are there. */
  readonly onAggregates: readonly ArchiveEntry[];
  /** What must not exist while we write: triggers, rules, policies, row security. Made at cut-over, in this order. */
  readonly atCutover: readonly ArchiveEntry[];
  /** What stands on indexes that are skipped on request, and can't be made without them. */
  readonly leftOut: readonly ArchiveEntry[];
}

/** They refuse, change or repeat what already happened on the source; checks that come after the rows are not valid there. */
const LATE = new Set(['TRIGGER', 'RULE', 'POLICY', 'ROW SECURITY', 'CHECK CONSTRAINT', 'EVENT TRIGGER', 'DEFAULT ACL']);

const PARTS_OF_INDEXES = new Set(['INDEX', 'INDEX ATTACH', 'COMMENT']);

/** A view that stands on a primary key is made empty first, and replaced by an entry that is called a rule. */
const isLate = (entry: ArchiveEntry): boolean =>
  (LATE.has(entry.type) && !/^CREATE OR REPLACE VIEW /.test(entry.sql)) || takesRightsOfOwner(entry);

/**
 * Sorts the archive's entries by the phase in which they are made. Foreign keys and triggers come last, so that they
 * can't refuse or repeat what already happened on the source.
 */
export function classify(
  schema: SourceSchema,
  skipIndex: (name: string) => boolean,
  onAggregates: readonly ArchiveEntry[] = [],
): ClassifiedSchema {
  const postData = withoutSkipped(schema.postData, skipIndex);
  const tables = new Map<number, number>();
  for (const entry of schema.preData) if (entry.classOid === RELATION_CLASS) tables.set(entry.dumpId, entry.oid);
  const preData = schema.preData.filter((entry) => !isLate(entry));
  const indexes = new Map<number, ArchiveEntry[]>();
  const afterIndexes: ArchiveEntry[] = [];
  const foreignKeys: ArchiveEntry[] = [];
  const atCutover: ArchiveEntry[] = [];
  const late = new Set<number>();
  for (const entry of postData) {
    const table = entry.dependencies.map((id) => tables.get(id)).find((oid) => oid !== undefined);
    if (entry.type === 'FK CONSTRAINT') {
      foreignKeys.push(entry);
      late.add(entry.dumpId);
    } else if (isLate(entry) || entry.dependencies.some((id) => late.has(id))) {
      atCutover.push(entry);
      late.add(entry.dumpId);
    } else if ((entry.type === 'INDEX' || entry.type === 'CONSTRAINT') && table !== undefined) {
      indexes.set(table, [...(indexes.get(table) ?? []), entry]);
    } else {
      afterIndexes.push(entry);
    }
  }
  atCutover.push(...schema.preData.filter(isLate), ...onAggregates.filter(isLate));
  const kept = new Set(postData);
  const leftOut = schema.postData.filter((entry) => !kept.has(entry) && !PARTS_OF_INDEXES.has(entry.type));
  const early = onAggregates.filter((entry) => !isLate(entry));
  return { preData, leftOut, indexes, afterIndexes, onAggregates: early, foreignKeys, atCutover };
}

export const countIndexes = (schema: ClassifiedSchema): number =>
  [...schema.indexes.values()].reduce((sum, entries) => sum + entries.length, 0);
