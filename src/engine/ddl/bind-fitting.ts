import type pg from 'pg';
import { displayName } from '../../postgres/identifiers.ts';
import { type Ahead, type BoundTable, bindTable } from '../apply/bound-table.ts';
import type { StreamRelation } from '../decode/change.ts';
import { placeOf, type SyncedTable } from '../sync/table-states.ts';
import { lookAtBothSides } from './both-sides.ts';
import { misfitBy, SchemaMisfit } from './misfit.ts';
import type { TableOnBothSides } from './schema-change.ts';

export interface FittingOptions {
  readonly target: pg.Client;
  /** A session on the source, for when the target's table does not fit at once. */
  readonly onSource: <T>(use: (source: pg.Client) => Promise<T>) => Promise<T>;
  readonly tell: (text: string) => void;
}

/**
 * Binds a table of the stream to the target's, whichever of the two the DDL has reached first. When the operator has
 * altered the target before replay came to that, the stream's older changes go where they belong now; when the target
 * is behind, rejects with `SchemaMisfit`, which says what to run. Null when the table is gone on both sides.
 */
export async function bindFitting(
  { target, onSource, tell }: FittingOptions,
  relation: StreamRelation,
  synced: SyncedTable,
): Promise<BoundTable | null> {
  const first = await boundOrMisfit(bindTable(target, relation, placeOf(synced)));
  if (!(first instanceof SchemaMisfit) && !differsInType(first)) return first;
  const { tables, changes } = await onSource((source) =>
    lookAtBothSides(source, target, [synced.isChunk ? synced.rootOid : relation.oid]),
  );
  const seen = tables[0];
  if (!seen) {
    if (first instanceof SchemaMisfit) throw first;
    return first;
  }
  if (!seen.source && !seen.target) {
    tell(`${displayName(seen.name)} was dropped on both sides: what was written before is left out.`);
    return null;
  }
  const elsewhere = synced.isChunk || synced.into?.throughParent;
  const second = await boundOrMisfit(
    bindTable(target, relation, { ...placeOf(synced), ...(elsewhere ? {} : seen.name) }, aheadOf(relation, seen)),
  );
  if (second instanceof SchemaMisfit) {
    const causes = changes.filter(({ locks }) => locks);
    throw causes.length > 0 ? misfitBy(relation, displayName(seen.name), causes) : second;
  }
  // The stream has the new type, the target the old one: from here on values belong behind the same ALTER there.
  const retyped = changes.filter(({ kind }) => kind === 'column-retyped');
  if (differsInType(second) && retyped.length > 0) throw misfitBy(relation, displayName(seen.name), retyped);
  return second;
}

const differsInType = ({ otherTypes, otherModifiers }: BoundTable): boolean =>
  otherTypes.length + otherModifiers.length > 0;

const boundOrMisfit = (binding: Promise<BoundTable>): Promise<BoundTable | SchemaMisfit> =>
  binding.catch((error: unknown) => {
    if (error instanceof SchemaMisfit) return error;
    throw error;
  });

/** Where the target is ahead of the stream. */
function aheadOf(relation: StreamRelation, { recorded, source, target }: TableOnBothSides): Ahead {
  const renamed = new Map<string, string>();
  const dropped = new Set<string>();
  const retyped = new Set<string>();
  const sent = new Set(relation.columns.map((column) => column.name));
  const there = new Map((target?.columns ?? []).map((column) => [column.name, column]));
  for (const { name } of relation.columns) {
    const before = recorded?.columns.find((column) => column.name === name);
    if (!before) {
      // What came and went with the table itself.
      if (!source) dropped.add(name);
      continue;
    }
    const now = source?.columns.find(({ number }) => number === before.number);
    if (!now) {
      dropped.add(name);
      continue;
    }
    const held = there.get(now.name);
    if (held && now.name !== name && !there.has(name) && !sent.has(now.name)) renamed.set(name, now.name);
    if (held && now.type !== before.type && held.type === now.type) retyped.add(now.name);
  }
  return { renamed, dropped, retyped };
}
