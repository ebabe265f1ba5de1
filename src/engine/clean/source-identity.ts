import type pg from 'pg';

/** By what a database is known again, wherever its server has moved. */
export interface SourceDatabase {
  /** Null where the role may not ask. */
  readonly system: string | null;
  readonly database: string;
}

const IDENTITY = `SELECT (pg_control_system()).system_identifier::text AS system, current_database() AS database`;

/** https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CONTROLDATA */
export async function readSourceDatabase(source: pg.Client): Promise<SourceDatabase> {
  // Some providers don't let an ordinary role ask; the name alone must do then.
  const { rows } = await source
    .query<{ system: string | null; database: string }>(IDENTITY)
    .catch(() =>
      source.query<{ system: string | null; database: string }>(
        'SELECT NULL AS system, current_database() AS database',
      ),
    );
  return rows[0] ?? { system: null, database: '' };
}

export const isSameDatabase = (one: SourceDatabase, other: SourceDatabase): boolean =>
  one.database === other.database && (one.system === null || other.system === null || one.system === other.system);
