import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { quoteIdent } from '../../../src/postgres/identifiers.ts';
import type { TestDatabases } from '../../support/databases.ts';
import { uriOf, withClient } from '../../support/test-servers.ts';

/** The source as its owner sees it: REPLICATION and BYPASSRLS (it forces policies on itself), no superuser. */
export interface ApplicationDatabase {
  readonly ownerUri: string;
  readonly roles: Readonly<Record<'owner' | 'reader' | 'writer', string>>;
}

/** Fills the source with everything that the SQL files beside this one make. */
export async function createApplicationDatabase(databases: TestDatabases): Promise<ApplicationDatabase> {
  const { source } = databases;
  const roles = {
    owner: databases.role('owner'),
    reader: databases.role('Reader "x"'),
    writer: databases.role('writer'),
  };
  const password = randomBytes(9).toString('base64url');
  await source.admin(`
    CREATE ROLE ${quoteIdent(roles.owner)} LOGIN REPLICATION BYPASSRLS PASSWORD '${password}';
    CREATE ROLE ${quoteIdent(roles.reader)} NOLOGIN CONNECTION LIMIT 5;
    CREATE ROLE ${quoteIdent(roles.writer)} LOGIN NOINHERIT IN ROLE ${quoteIdent(roles.reader)};
    ALTER DATABASE ${quoteIdent(source.name)} OWNER TO ${quoteIdent(roles.owner)}`);
  const ownerUri = uriOf(source.server, source.name, roles.owner, password);
  await withClient(ownerUri, (client) => runFiles(client, roles));
  return { ownerUri, roles };
}

/** The files in the order of their names, roles put in for braces. */
async function runFiles(
  client: pg.Client,
  roles: Readonly<Record<'owner' | 'reader' | 'writer', string>>,
): Promise<void> {
  for (const file of (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.sql')).sort()) {
    const text = await readFile(join(import.meta.dirname, file), 'utf8');
    const sql = text.replaceAll(/\{(owner|reader|writer)\}/g, (_, role: keyof typeof roles) => quoteIdent(roles[role]));
    await client.query(sql).catch((cause: unknown) => {
      throw new Error(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    });
  }
}
