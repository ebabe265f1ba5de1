import type { DemoServer } from '../../src/demo/server.ts';
import { quoteIdent, quoteLiteral } from '../../src/postgres/identifiers.ts';
import { withClient } from '../support/test-servers.ts';

/** What a provider's server shows, put onto a real PostgreSQL server. */
export interface Emulation {
  readonly name: string;
  /** The role that the customer gets: no superuser. */
  readonly user: string;
  readonly attributes?: string;
  /** Roles of the provider; the customer's role is a member of the first. */
  readonly roles?: readonly string[];
  /** Settings as placeholders, of this database. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Installed extensions, as catalog rows: their files are not here. */
  readonly extensions?: readonly string[];
  /** Run as superuser in the database. */
  readonly sql?: string;
  /** What the server is called in the connection string; it leads to the real one. */
  readonly host?: string;
}

const PASSWORD = 'emulated-hush';

/** A database on `server` that looks like the provider's; it and its roles are gone after the block. */
export async function emulate(server: DemoServer, of: Emulation): Promise<AsyncDisposable & { readonly uri: string }> {
  const database = `${of.name.toLowerCase().replaceAll(/\W/g, '_')}_shop`;
  const [first, ...others] = of.roles ?? [];
  await withClient(server.uri('postgres'), async (client) => {
    for (const role of [first, ...others])
      if (role !== undefined) await client.query(`CREATE ROLE ${quoteIdent(role)}`);
    await client.query(
      `CREATE ROLE ${quoteIdent(of.user)} LOGIN PASSWORD ${quoteLiteral(PASSWORD)} CREATEDB CREATEROLE ${of.attributes ?? ''}`,
    );
    if (first !== undefined) await client.query(`GRANT ${quoteIdent(first)} TO ${quoteIdent(of.user)}`);
    await client.query(`CREATE DATABASE ${database} OWNER ${quoteIdent(of.user)}`);
    for (const [name, value] of Object.entries(of.settings ?? {})) {
      await client.query(`ALTER DATABASE ${database} SET ${name} = ${quoteLiteral(value)}`);
    }
  });
  await withClient(server.uri(database), async (client) => {
    for (const [index, extension] of (of.extensions ?? []).entries()) {
      await client.query(`INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
        VALUES (${99_900 + index}, ${quoteLiteral(extension)}, 10, 11, false, '1.0')`);
    }
    if (of.sql !== undefined) await client.query(of.sql);
  });
  const plain = server.uri(database, of.user, PASSWORD);
  return {
    uri: of.host === undefined ? plain : `${plain.replace(server.host, of.host)}?hostaddr=${server.host}`,
    [Symbol.asyncDispose]: () =>
      withClient(server.uri('postgres'), async (client) => {
        await client.query(`DROP DATABASE ${database} WITH (FORCE)`);
        for (const role of [of.user, first, ...others]) {
          if (role !== undefined) await client.query(`DROP ROLE ${quoteIdent(role)}`);
        }
      }),
  };
}
