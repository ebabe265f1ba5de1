import type pg from 'pg';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import type { SourceTable } from './catalog.ts';
import { assignTables, type PublicationNames } from './publications.ts';

const MEMBERS = `
SELECT r.prrelid::int8 AS oid, p.pubname AS publication FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
 WHERE p.pubname = ANY ($1::text[])`;

/** For a table that the application holds locked; below `deadlock_timeout`. */
const LOCK_TIMEOUT_MS = 300;

/**
 * Tables and roots among `roots` that are published: each goes to the publication that its identity asks for by now, in one
 * transaction, so that nothing is unpublished in between.
 */
export async function publishByIdentity(
  source: pg.Client,
  { all, inserts }: PublicationNames,
  onSource: readonly SourceTable[],
  roots: ReadonlySet<number>,
): Promise<void> {
  const { rows } = await source.query<{ oid: string; publication: string }>(MEMBERS, [`{"${all}","${inserts}"}`]);
  const members = (name: string) =>
    new Set(rows.filter(({ publication }) => publication === name).map(({ oid }) => Number(oid)));
  const there = { [all]: members(all), [inserts]: members(inserts) };
  const isMember = ({ oid }: SourceTable) => there[all]?.has(oid) || there[inserts]?.has(oid);
  const published = new Set(
    onSource.filter((table) => roots.has(table.rootOid) && isMember(table)).map((t) => t.rootOid),
  );
  const wanted = assignTables(onSource, ({ rootOid }) => published.has(rootOid));
  const statements: string[] = [];
  for (const [name, list] of [
    [all, wanted.all],
    [inserts, wanted.inserts],
  ] as const) {
    const oids = new Set(list.map(({ oid }) => oid));
    const alter = (verb: 'ADD' | 'DROP', tables: readonly SourceTable[]) => {
      if (tables.length > 0) statements.push(`ALTER PUBLICATION ${quoteIdent(name)} ${verb} TABLE ${listOf(tables)}`);
    };
    alter(
      'ADD',
      list.filter(({ oid }) => !there[name]?.has(oid)),
    );
    alter(
      'DROP',
      onSource.filter(({ oid, rootOid }) => published.has(rootOid) && there[name]?.has(oid) && !oids.has(oid)),
    );
  }
  if (statements.length === 0) return;
  try {
    await source.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; ${statements.join('; ')}; COMMIT`);
  } catch (error) {
    await source.query('ROLLBACK');
    throw error;
  }
}

const listOf = (tables: readonly SourceTable[]): string =>
  tables.map((table) => `${table.kind === 'partitioned' ? '' : 'ONLY '}${qualified(table)}`).join(', ');
