import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified } from '../../postgres/identifiers.ts';

/** Rows arrive for a table that should be in the migration and is not. */
export function unknownTable(relation: { schema: string; name: string }): MigrateError {
  return new MigrateError('TM2003', {
    side: 'source',
    object: displayName(relation),
    message: 'the table was created on the source after the migration had begun, and rows arrive for it',
    hint:
      `Replay stopped before them and nothing is lost. A table of this kind (a new partition, as a rule) can't be ` +
      `taken in yet: start over with migrate --drop-if-exists, so that ${qualified(relation)} is copied too.`,
  });
}
