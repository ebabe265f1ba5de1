import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import type { StreamRelation } from '../decode/change.ts';
import { sqlState } from '../error-policy.ts';
import type { SchemaChange } from '../events.ts';

/**
 * A change of the stream finds no place on the target as it is: TM2003, or TM2004 for a table that the migration does not
 * have. Nothing is lost by waiting; replay goes on from the same position once the target has been altered.
 */
export class SchemaMisfit extends MigrateError {
  /** What does not fit: a description in the stream, a table that is not in the migration, or null when only trying again tells. */
  readonly of:
    | { readonly relation: StreamRelation; readonly inForm: boolean }
    | { readonly unknown: UnknownTable }
    | null;

  constructor(
    code: 'TM2003' | 'TM2004',
    detail: { readonly object?: string; readonly message: string; readonly hint: string; readonly cause?: unknown },
    of: SchemaMisfit['of'],
  ) {
    super(code, { side: 'target', ...detail });
    this.of = of;
  }
}

/** A table that the migration does not have; without OID when the stream tells names only. */
export interface UnknownTable {
  readonly oid: number | null;
  readonly schema: string;
  readonly name: string;
}

/** undefined_table, undefined_column, invalid_schema_name, undefined_object, datatype_mismatch. */
const OF_THE_SHAPE = new Set(['42P01', '42703', '3F000', '42704', '42804']);

/** The target's table is another one than it was when it was last looked at. */
export const refusesTheShape = (error: unknown): boolean => OF_THE_SHAPE.has(sqlState(error) ?? '');

/** What waiting for the operator gets over; null for every other error. */
export function asMisfit(error: unknown): SchemaMisfit | null {
  if (error instanceof SchemaMisfit) return error;
  if (!refusesTheShape(error)) return null;
  const message = error instanceof Error ? error.message : String(error);
  return new SchemaMisfit('TM2003', { message, hint: TARGET_CHANGED, cause: error }, null);
}

export const TARGET_CHANGED =
  'The target was altered meanwhile. Nothing is lost: replay looks at it again, and goes on by itself once it fits.';

/** What the operator is to do about changes, in one text: for a hint. */
export function adviceFor(changes: readonly SchemaChange[]): string {
  const onTarget = changes.flatMap(({ sql }) => sql);
  const onSource = changes.flatMap(({ source_sql }) => source_sql);
  const again = [...new Set(changes.flatMap(({ copy_again, table }) => (copy_again ? [table] : [])))];
  return [
    ...(onTarget.length > 0 ? [`Run on the target: ${onTarget.join(' ')}`] : []),
    ...(onSource.length > 0 ? [`Run on the source: ${onSource.join(' ')}`] : []),
    ...(again.length > 0 ? [`Then copy the table again: migrate --resync ${again.join(' ')}`] : []),
    'Replay waits with nothing lost, and goes on by itself once the target fits.',
  ].join('\n');
}

/** The table does not fit for want of what these changes did on the source. */
export const misfitBy = (relation: StreamRelation, table: string, changes: readonly SchemaChange[]): SchemaMisfit =>
  new SchemaMisfit(
    'TM2003',
    { object: table, message: changes.map(({ what }) => what).join('; '), hint: adviceFor(changes) },
    { relation, inForm: false },
  );

/** Rows arrive for a table that should be in the migration and is not. */
export const unknownTable = ({ oid, schema, name }: UnknownTable): SchemaMisfit =>
  new SchemaMisfit(
    'TM2004',
    {
      object: displayName({ schema, name }),
      message: 'the table was created on the source after the migration had begun, and rows arrive for it',
      hint:
        'Make it on the target: status and the wizard (D) show the statements. It is then copied and taken in, and replay, ' +
        'which waits with nothing lost, goes on by itself.',
    },
    { unknown: { oid, schema, name } },
  );
