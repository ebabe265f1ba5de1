import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityServices } from '../../src/commands/identity-services.ts';
import { type MigrationOptions, migrationOptionsSchema } from '../../src/engine/options.ts';
import type { IdentityChoice, IdentityRow } from '../../src/state/services.ts';
import { test as base, type TestDatabase } from './databases.ts';

/** The replica identity screen without its screen: a work directory, and what may be done on the source. */
export class IdentityScreen {
  readonly directory: string;
  readonly #source: TestDatabase;
  readonly #services: ReturnType<typeof identityServices>;

  constructor(directory: string, source: TestDatabase) {
    this.directory = directory;
    this.#source = source;
    this.#services = identityServices({ directory, env: {} });
  }

  #input(uri: string, options: Partial<MigrationOptions> = {}) {
    const parsed = migrationOptionsSchema.parse(options);
    return { source: uri, target: uri, provider: 'selfhosted-postgres' as const, options: parsed };
  }

  rows(options: Partial<MigrationOptions> = {}, uri = this.#source.uri): Promise<IdentityRow[]> {
    return this.#services.identities(this.#input(uri, options));
  }

  /** The table of that name; throws when it is not listed. */
  async row(relation: string): Promise<IdentityRow> {
    const row = (await this.rows()).find((one) => one.relation === relation);
    if (!row) throw new Error(`${relation} is not listed`);
    return row;
  }

  async choice(relation: string, kind: IdentityChoice['kind']): Promise<IdentityChoice> {
    const choice = (await this.row(relation)).choices.find((one) => one.kind === kind);
    if (!choice) throw new Error(`${relation} has no choice ${kind}`);
    return choice;
  }

  apply(choice: IdentityChoice, signal = new AbortController().signal): Promise<void> {
    return this.#services.applyIdentity(this.#input(this.#source.uri), choice, signal);
  }

  save(choices: readonly IdentityChoice[]): Promise<string> {
    return this.#services.saveIdentitySql(this.#input(this.#source.uri), choices);
  }
}

/** Tests that take `identity` get a work directory of their own. */
export const test = base.extend<{ identity: IdentityScreen }>({
  identity: async ({ databases }, use) => {
    const root = await mkdtemp(join(tmpdir(), 'tiger-migrate-identity-'));
    await use(new IdentityScreen(join(root, 'work'), databases.source));
    await rm(root, { recursive: true, force: true });
  },
});

const IDENTITIES = `SELECT n.nspname || '.' || c.relname AS name, c.relreplident::text || coalesce(' ' || x.relname, '') AS identity
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisreplident LEFT JOIN pg_class x ON x.oid = i.indexrelid
  WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind = 'r' ORDER BY 1`;

/** The replica identity of every table: `{ 'public.events': 'i events_id_key' }`. */
export async function identitiesOf(source: TestDatabase): Promise<Record<string, string>> {
  const rows = await source.query<{ name: string; identity: string }>(IDENTITIES);
  return Object.fromEntries(rows.map(({ name, identity }) => [name, identity]));
}

/** The indexes of all tables, `!` before those that are not valid. */
export async function indexesOf(source: TestDatabase): Promise<string[]> {
  const rows = await source.query<{ name: string }>(
    `SELECT CASE WHEN i.indisvalid THEN '' ELSE '!' END || x.relname AS name FROM pg_index i
      JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace n ON n.oid = x.relnamespace
      WHERE n.nspname !~ '^(pg_|information_schema)' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}
