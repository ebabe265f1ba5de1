import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { sqlState } from '../error-policy.ts';

/** check_violation, not_null_violation */
const REFUSING = new Set(['23514', '23502']);

const field = (error: Error, name: 'constraint' | 'column' | 'dataType' | 'schema'): string | null => {
  const value = (error as Error & Partial<Record<typeof name, unknown>>)[name];
  return typeof value === 'string' ? value : null;
};

/**
 * What to do when the target refuses rows of the source. They violate the constraint on the source as well: its function was changed
 * after it was made, or a partition was attached without a check. Null: it is another error.
 */
export function hintOfRefusedRows(
  error: unknown,
  table: { readonly schema: string; readonly name: string },
): string | null {
  if (!(error instanceof Error) || !REFUSING.has(sqlState(error) ?? '')) return null;
  const name = field(error, 'constraint');
  const column = field(error, 'column');
  const type = field(error, 'dataType');
  const drop =
    type !== null
      ? `ALTER DOMAIN ${qualified({ schema: field(error, 'schema') ?? '', name: type })} DROP ${name === null ? 'NOT NULL' : `CONSTRAINT ${quoteIdent(name)}`};`
      : name !== null
        ? `ALTER TABLE ${qualified(table)} DROP CONSTRAINT ${quoteIdent(name)};`
        : column !== null
          ? `ALTER TABLE ${qualified(table)} ALTER COLUMN ${quoteIdent(column)} DROP NOT NULL;`
          : null;
  return [
    `Rows of ${displayName(table)} violate this constraint on the source as well, although it counts as valid there.`,
    'Mend the rows on the source, then run migrate --resume: tables that are finished stay, this one is copied again.',
    ...(drop === null
      ? ['Rows that lie outside of the bounds of their partition have to be moved or deleted on the source.']
      : [`Or run on the target: ${drop} Then run migrate --resume; verify names what is missing.`]),
  ].join('\n');
}
