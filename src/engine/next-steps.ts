/**
 * What is left to do after the end, in this order: a comparison is of use only before the application writes.
 * `sourceReadOnly`: whether the source takes no writes now; null: not known. `writableBy`: what makes it writable again.
 */
export const nextSteps = (sourceReadOnly: boolean | null, writableBy: string): string[] => [
  'tiger-migrate-tui verify compares every row: run it before the application writes to the target.',
  'Then point the application at the target. From its first write on, verify reports differences.',
  "tiger-migrate-tui clean removes the migration's own schema and what is left of it on the source.",
  sourceWords(sourceReadOnly, writableBy),
];

function sourceWords(readOnly: boolean | null, writableBy: string): string {
  if (readOnly === null) return 'Keep the source until you are sure: nothing of it was deleted.';
  return readOnly
    ? `Keep the source until you are sure. It stays read-only, also after clean; ${writableBy} makes it writable.`
    : 'Keep the source until you are sure. It still takes writes: make sure that no client writes to it.';
}
