import type pg from 'pg';
import { partitionColumns } from '../../engine/timescale/hypertable-option.ts';
import type { IncompatibleObject } from '../../engine/timescale/incompatible-objects.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { choicesForHypertable } from '../identity/choices.ts';
import type { TableWithoutIdentity } from '../identity/table.ts';
import { readNamedTables } from '../identity.ts';
import type { TableFacts } from './table-facts.ts';

/**
 * Tables whose identity no hypertable can have, by name, with what it may become instead: the same choices, applied and taken back in
 * the same way, as for a table that has none.
 */
export async function readRemedies(
  source: pg.Client,
  facts: readonly TableFacts[],
  objects: readonly IncompatibleObject[],
): Promise<ReadonlyMap<string, TableWithoutIdentity>> {
  const keys = new Map(
    objects.flatMap(({ schema, table, identifies, columns }) =>
      identifies ? [[displayName({ schema, name: table }), columns] as const] : [],
    ),
  );
  const named = facts.filter(({ wanted, table }) => table?.kind === 'r' && keys.has(displayName(wanted)));
  const rows = await readNamedTables(
    source,
    named.map(({ wanted }) => wanted),
  );
  return new Map(
    rows.flatMap(({ viable, ...row }) => {
      const wanted = named.find((one) => displayName(one.wanted) === row.relation)?.wanted;
      if (!wanted) return [];
      const on = { key: keys.get(row.relation) ?? [], partitions: partitionColumns(wanted) };
      return [[row.relation, { ...row, choices: choicesForHypertable(row, viable, on) }] as const];
    }),
  );
}
