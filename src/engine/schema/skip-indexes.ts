import type { ArchiveEntry } from './archive.ts';

/**
 * Leaves out the indexes that are not wanted, and what depends on them. An index of a partitioned table and those of its
 * partitions are one: without all of its parts it would stay invalid, so that they are left out together.
 */
export function withoutSkipped(
  postData: readonly ArchiveEntry[],
  skipIndex: (name: string) => boolean,
): readonly ArchiveEntry[] {
  const skipped = new Set(postData.filter((e) => e.type === 'INDEX' && skipIndex(e.name)).map((e) => e.dumpId));
  if (skipped.size === 0) return postData;
  const indexes = new Set(postData.filter((entry) => entry.type === 'INDEX').map((entry) => entry.dumpId));
  const attachments = postData.filter((entry) => entry.type === 'INDEX ATTACH');
  for (let before = -1; before !== skipped.size; ) {
    before = skipped.size;
    for (const { dependencies } of attachments) {
      // A constraint's index is not skipped, and can't be a part of a plain one.
      const parts = dependencies.filter((id) => indexes.has(id));
      if (parts.some((id) => skipped.has(id))) for (const id of parts) skipped.add(id);
    }
  }
  return postData.filter((entry) => {
    const gone = skipped.has(entry.dumpId) || entry.dependencies.some((id) => skipped.has(id));
    if (gone) skipped.add(entry.dumpId);
    return !gone;
  });
}
