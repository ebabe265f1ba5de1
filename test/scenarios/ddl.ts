import type { SchemaChange } from '../../src/engine/events.ts';
import type { TestDatabase, TestDatabases } from '../support/databases.ts';
import { Migration, type MigrationInput } from './whole/migration.ts';

/** A migration in its replay phase, with all tables live. */
export async function inReplay(
  { source, target }: TestDatabases,
  options: MigrationInput['options'] = {},
): Promise<Migration> {
  const migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    options,
  });
  await migration.until(() => gate(migration, 'copied')?.ok === true, 'all tables to be live');
  return migration;
}

export const gate = (migration: Migration, id: string) =>
  migration
    .of('gate')
    .filter((event) => event.id === id)
    .at(-1);

export const untilGate = (migration: Migration, id: string, ok: boolean) =>
  migration.until(() => gate(migration, id)?.ok === ok, `the gate ${id} to be ${ok ? 'open' : 'locked'}`);

/** What the engine says to be open at this moment. */
export const openChanges = (migration: Migration): readonly SchemaChange[] =>
  migration.of('schema_changes').at(-1)?.changes ?? [];

export const untilTold = (migration: Migration, kind: SchemaChange['kind'], table: string) =>
  migration.until(
    () => openChanges(migration).some((change) => change.kind === kind && change.table === table),
    `${kind} of ${table}`,
  );

/** Runs, as the target's owner, every statement that the engine shows, as it shows it, until nothing keeps from cutting over. */
export async function obey(migration: Migration, target: TestDatabase): Promise<void> {
  const done = new Set<string>();
  await migration.until(async () => {
    for (const { sql, locks } of openChanges(migration)) {
      if (!locks) continue;
      for (const statement of sql) {
        if (done.has(statement)) continue;
        await target.query(statement);
        done.add(statement);
      }
    }
    return openChanges(migration).every(({ locks }) => !locks) && gate(migration, 'schema')?.ok === true;
  }, 'the target to follow');
}
