import type pg from 'pg';
import type { Emit } from '../events.ts';
import { type Damage, markDamaged, tellDamage } from './damage.ts';
import { readTableStates, type SyncedTable } from './table-states.ts';

type Member = Pick<SyncedTable, 'copyRows' | 'into'>;

/** The partitioned table of the target through which a partition goes, as text; null: it goes through none. */
const treeOf = ({ copyRows, into }: Member): string | null =>
  copyRows && into?.throughParent ? JSON.stringify([into.schema, into.name]) : null;

/** Of these tables those that go through the same partitioned table of the target, the table itself with them; none when it goes through none. */
export function membersOfTree<T extends Member>(table: Member, tables: Iterable<T>): T[] {
  const tree = treeOf(table);
  return tree === null ? [] : [...tables].filter((one) => treeOf(one) === tree);
}

/** The same tables, and all that share a partitioned table of the target with one of them: their rows can't be told apart there. */
export function withWholeTrees(tables: readonly SyncedTable[], all: readonly SyncedTable[]): SyncedTable[] {
  const oids = new Set(tables.map(({ sourceOid }) => sourceOid));
  const trees = new Set(tables.map(treeOf));
  return all.filter((table) => {
    const tree = treeOf(table);
    return oids.has(table.sourceOid) || (tree !== null && trees.has(tree));
  });
}

/** What decides whether trees are as they were: other text, and it pays to look closer. */
const FINGERPRINT = `SELECT coalesce(sum(hashtextextended(concat_ws('/', inhrelid, inhparent), 0)), 0) AS fingerprint FROM pg_inherits`;

/** Tables of $1 that exist, and whether they are still a part of the table that $2 says. */
const STILL = `
SELECT w.oid::int8 AS oid, EXISTS (SELECT FROM pg_partition_ancestors(w.oid) a WHERE a.relid = w.through) AS still
  FROM json_to_recordset($1::json) w(oid oid, through oid) JOIN pg_class c ON c.oid = w.oid`;

const RESHAPED: Damage = {
  code: 'TM5007',
  reason:
    'a partition of this partitioned table was detached or dropped on the source. Its rows stand in other partitions on the target, among those of the others',
  row: null,
  lsn: null,
};

/** Looks after partitioned tables through which rows of their partitions go. */
export class TreeWatch {
  #seen: string | null = null;

  /**
   * Damages the partitions of a table from which the source has taken one away: its rows stay on the target, and can't be told from
   * those of the others. One that was detached is a table of its own from then on.
   */
  async look(
    source: pg.Client,
    of: {
      readonly connectTarget: (application: string) => Promise<pg.Client>;
      readonly destroy: (client: pg.Client) => void;
      readonly emit: Emit;
    },
  ): Promise<void> {
    const { rows } = await source.query<{ fingerprint: string }>(FINGERPRINT);
    const now = rows[0]?.fingerprint ?? '';
    if (now === this.#seen) return;
    const target = await of.connectTarget('partitions');
    try {
      await damageReshaped(source, target, of.emit);
    } finally {
      of.destroy(target);
    }
    this.#seen = now;
  }
}

async function damageReshaped(source: pg.Client, target: pg.Client, emit: Emit): Promise<void> {
  const states = await readTableStates(target);
  const through = states.filter(({ copyRows, into }) => copyRows && into?.throughParent);
  if (through.length === 0) return;
  const oids = new Map(states.map(({ schema, name, sourceOid }) => [JSON.stringify([schema, name]), sourceOid]));
  const asked = through.map(({ sourceOid, into }) => ({
    oid: sourceOid,
    through: oids.get(JSON.stringify([into?.schema, into?.name])) ?? 0,
  }));
  const { rows } = await source.query<{ oid: string; still: string }>(STILL, [JSON.stringify(asked)]);
  const still = new Map(rows.map((row) => [Number(row.oid), row.still === 't']));
  const gone = through.filter(({ sourceOid }) => still.get(sourceOid) !== true);
  for (const table of withWholeTrees(gone, states)) {
    // What was dropped is not copied again; its rows among the others are what is wrong.
    if (!still.has(table.sourceOid)) continue;
    if (!(await markDamaged(target, table.sourceOid, RESHAPED, ['copied', 'live']))) continue;
    tellDamage(emit, { ...table, damage: RESHAPED });
  }
  await target.query(
    'UPDATE tiger_migrate.relation SET target_schema = NULL, target_name = NULL WHERE source_oid = ANY ($1::oid[])',
    [`{${gone.map(({ sourceOid }) => sourceOid).join(',')}}`],
  );
}
