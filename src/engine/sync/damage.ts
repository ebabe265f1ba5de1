import type pg from 'pg';
import type { ErrorCode } from '../../errors/codes.ts';
import { type ErrorDetail, MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { formatLsn, type Lsn, parseLsn } from '../../postgres/lsn.ts';
import { type ServerError, sqlState } from '../error-policy.ts';
import type { DamageReport, Emit, TableState } from '../events.ts';
import type { Place } from '../source/catalog.ts';
import { describeChunk, ofHypertable } from '../timescale/chunk-name.ts';

/** Why a table does not follow the source any more. */
export interface Damage {
  readonly code: ErrorCode;
  readonly reason: string;
  /** The key, or the row, of the change that could not be applied; null when a copy was refused. */
  readonly row: string | null;
  /** Position of the commit that brought the change; of the snapshot when a copy was refused. */
  readonly lsn: Lsn | null;
}

/** A change could not be applied for a reason that lies in one table: the others may go on without it. */
export class TableDamage extends MigrateError {
  readonly sourceOid: number;
  /** Others to which the change may have belonged as well. */
  readonly others: readonly number[];
  readonly damage: Damage;

  constructor(
    code: ErrorCode,
    detail: ErrorDetail,
    of: { readonly sourceOid: number; readonly others?: readonly number[]; readonly row: string; readonly lsn: Lsn },
  ) {
    super(code, detail);
    this.sourceOid = of.sourceOid;
    this.others = of.others ?? [];
    this.damage = { code, reason: detail.message, row: of.row, lsn: of.lsn };
  }
}

/**
 * SQLSTATEs by which a row itself is refused: data exceptions, integrity constraints, WITH CHECK OPTION, errors that a trigger
 * raises, and name_too_long. The operator has to mend everything else (rights, missing columns); waiting for that loses nothing.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const OF_THE_ROW = /^(22|23|44|P0|42622)/;
export const refusesTheRow = (error: unknown): boolean => OF_THE_ROW.test(sqlState(error) ?? '');

/**
 * A deferred constraint speaks at the COMMIT only: by then nobody knows the change any more, but its table. `at`: the
 * position that the COMMIT would have reached. Gives the error as it is when no table of ours is to blame.
 */
export function damageAtCommit(
  error: unknown,
  tables: Iterable<
    Pick<DamagedTable, 'schema' | 'name' | 'chunkOf'> & { readonly sourceOid: number; readonly into?: Place | null }
  >,
  at: Lsn,
): unknown {
  if (!refusesTheRow(error)) return error;
  const { schema, table: name, message, detail = '' } = error as ServerError;
  // The server names the table of the target: a chunk has another name there. Of a partition that goes through its parent it is the
  // one that took the row, which may have come from any other.
  const all = [...tables];
  const nameOf = (one: (typeof all)[number]) => (one.into && !one.into.throughParent ? one.into : one);
  const table = all.find((one) => nameOf(one).schema === schema && nameOf(one).name === name);
  if (!table) return error;
  const through = table.into?.throughParent ? table.into : null;
  const others = all.filter(({ into }) => through && into?.schema === through.schema && into.name === through.name);
  const refusal = `a change was refused at its commit: ${message}${detail ? ` (${detail})` : ''}`;
  const about = { side: 'target', object: describeChunk(table), message: refusal, cause: error } as const;
  return new TableDamage('TM5002', about, {
    sourceOid: table.sourceOid,
    others: others.map(({ sourceOid }) => sourceOid).filter((oid) => oid !== table.sourceOid),
    row: detail,
    lsn: at,
  });
}

/** What is kept of a damage in `tiger_migrate.relation`. */
export const damageOf = (row: Record<string, string | null>): Damage => ({
  code: (row.damage_code ?? 'TM5001') as ErrorCode,
  reason: row.damage_reason ?? '',
  row: row.damage_row ?? null,
  lsn: row.damage_lsn ? parseLsn(row.damage_lsn) : null,
});

/** Marks a table damaged, in a transaction of its own, while it is in one of these states; false when it is not. */
export async function markDamaged(
  client: pg.Client,
  sourceOid: number,
  damage: Damage,
  whileIn: readonly TableState[],
): Promise<boolean> {
  const result = await client.query(
    `UPDATE tiger_migrate.relation SET state = 'damaged', damage_code = $2, damage_reason = $3, damage_row = $4,
            damage_lsn = $5::pg_lsn WHERE source_oid = $1::oid AND state = ANY ($6::text[])`,
    [
      String(sourceOid),
      damage.code,
      damage.reason,
      damage.row,
      damage.lsn === null ? null : formatLsn(damage.lsn),
      `{${whileIn.join(',')}}`,
    ],
  );
  return result.rowCount === 1;
}

export interface DamagedTable {
  readonly schema: string;
  readonly name: string;
  readonly damage: Damage;
  /** The hypertable of a chunk. */
  readonly chunkOf?: Named | null;
}

interface Named {
  readonly schema: string;
  readonly name: string;
}

/** Tables that stand still until they are copied again. */
export async function readDamaged(client: pg.Client): Promise<DamagedTable[]> {
  const { rows } = await client.query<Record<string, string | null>>(
    `SELECT r.schema, r.name, h.schema AS root_schema, h.name AS root_name, r.damage_code, r.damage_reason, r.damage_row, r.damage_lsn
       FROM tiger_migrate.relation r LEFT JOIN tiger_migrate.relation h ON h.source_oid = r.root_oid AND r.kind = 'chunk'
      WHERE r.copy_rows AND r.state = 'damaged' ORDER BY r.schema, r.name`,
  );
  return rows.map((row) => ({
    schema: row.schema ?? '',
    name: row.name ?? '',
    chunkOf: row.root_name ? { schema: row.root_schema ?? '', name: row.root_name } : null,
    damage: damageOf(row),
  }));
}

/** Says that a table is damaged: its state, and a warning with row, LSN and what to do. */
export function tellDamage(emit: Emit, table: DamagedTable & { readonly bytes: number; readonly rows: number }): void {
  const { damage, bytes, rows } = table;
  const relation = displayName(table);
  emit({
    type: 'table',
    relation,
    ...ofHypertable(table),
    state: 'damaged',
    bytes,
    rows,
    done: 1,
    damage: damageReport(damage),
  });
  const at =
    damage.lsn === null
      ? ''
      : damage.row === null
        ? `, copied at ${formatLsn(damage.lsn)}`
        : `, committed at ${formatLsn(damage.lsn)}`;
  emit({
    type: 'warning',
    text:
      `${describeChunk(table)} is damaged and no longer follows the source; the other tables do: ${damage.code} ${damage.reason}${at}. ` +
      `Find out what changed the target, then copy the table again: s in the wizard, or migrate --resync '${relation}'. ` +
      'Until then the cut-over is locked.',
    table: relation,
  });
}

const damageReport = ({ lsn, ...damage }: Damage): DamageReport => ({
  ...damage,
  lsn: lsn === null ? null : formatLsn(lsn),
});

/** Rejects with TM6002 while a table is damaged: no reason overrides missing rows. */
export async function requireNoneDamaged(client: pg.Client): Promise<void> {
  const names = (await readDamaged(client)).map(describeChunk);
  if (names.length === 0) return;
  throw new MigrateError('TM6002', {
    side: 'target',
    object: names[0],
    message: `the cut-over is locked: damaged, and without the source's changes: ${names.join(', ')}`,
    hint: 'Nothing is lost, replay goes on. Copy them again (s in the wizard, or migrate --resync), then cut over.',
  });
}
