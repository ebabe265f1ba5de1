import type pg from 'pg';
import { quoteIdent } from '../../src/postgres/identifiers.ts';
import { type TestServer, uriOf, withClient } from './test-servers.ts';

/** Content that several tests start from: built once a run in a template database, then copied for each test. */
export interface Template {
  /** Names the content; two templates of one name must be the same. Letters, digits, `_`. */
  readonly name: string;
  /** Fills the database, connected as the role that will own it. */
  build(client: pg.Client): Promise<unknown>;
}

/** Makes sure that the template database exists on the server, and gives its name. */
export async function ensureTemplate(server: TestServer, template: Template): Promise<string> {
  const name = `template_${template.name}_${server.owner}`;
  await withClient(uriOf(server, 'postgres', server.superuser, server.password), async (admin) => {
    // Test files run in several processes: one builds, the others wait.
    await admin.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [name]);
    const existing = await admin.query<{ done: boolean }>(
      'SELECT datistemplate AS done FROM pg_database WHERE datname = $1',
      [name],
    );
    if (existing.rows[0]?.done) return;
    await admin.query(`DROP DATABASE IF EXISTS ${quoteIdent(name)} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${quoteIdent(name)} OWNER ${quoteIdent(server.owner)}`);
    await withClient(uriOf(server, name, server.owner, server.ownerPassword), (client) => template.build(client));
    // The flag says that it is complete; nobody may connect because CREATE DATABASE wants its template unused.
    await admin.query(`ALTER DATABASE ${quoteIdent(name)} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true`);
  });
  return name;
}
