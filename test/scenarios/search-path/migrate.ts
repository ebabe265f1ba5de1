import { expect } from 'vitest';
import type { MigrationOptions } from '../../../src/engine/options.ts';
import { compareDatabases } from '../../support/compare.ts';
import type { TestDatabases } from '../../support/databases.ts';
import { Migration } from '../whole/migration.ts';

export interface Story {
  /** Makes the source. */
  readonly made: string;
  /** Written behind the snapshot. */
  readonly meanwhile?: string;
  /** Written during replay. */
  readonly replayed?: string;
  readonly options?: Partial<MigrationOptions>;
  /** Differences that this story has on purpose. */
  readonly ignore?: readonly RegExp[];
  /** Of the source database. */
  readonly searchPath?: string;
}

/** Migrates, cuts over, and compares by the tests' own comparison and by `verify`. Gives the finished migration. */
export async function migrateStory({ source, target }: TestDatabases, story: Story): Promise<Migration> {
  await source.query(story.made);
  const migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    waitForGo: true,
    options: { skipRoles: true, ...story.options },
  });
  await using _ = migration;
  await migration.untilSnapshot();
  if (story.meanwhile) await source.query(story.meanwhile);
  await migration.go();
  await migration.reached('replay');
  if (story.replayed) await source.query(story.replayed);
  await migration.cutOver();
  expect(migration.of('error')).toEqual([]);
  const compared = { ignore: story.ignore ?? [], searchPath: story.searchPath ?? 'public' };
  expect(await compareDatabases(source.superuserUri, target.superuserUri, compared)).toEqual([]);
  const verified = await migration.verify();
  expect(verified.tables.filter(({ equal }) => !equal)).toEqual([]);
  expect(verified.objects.filter((object) => !compared.ignore.some((pattern) => pattern.test(object)))).toEqual([]);
  return migration;
}

/** An SQL function that PostgreSQL inlines, and one in PL/pgSQL, both of which find another function by search_path. */
export const NORMALIZERS = `
  CREATE FUNCTION inner_norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
  CREATE FUNCTION inlined_norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT inner_norm($1) || ''!''';
  CREATE FUNCTION outer_norm(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN inner_norm($1); END';`;
