import type { Fact } from '../fact.ts';

export interface InstalledExtension {
  readonly name: string;
  readonly version: string;
  readonly schema: string;
  /** The extension made its schema itself, and does so anywhere. */
  readonly ownsSchema: boolean;
}

/** What is installed, in the order in which it was created: what needs others comes after them. */
export const installedExtensions: Fact<readonly InstalledExtension[]> = {
  async read(client) {
    const { rows } = await client.query<{ name: string; version: string; schema: string; owns: string }>(
      `SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema,
         EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_catalog.pg_namespace'::regclass AND d.objid = n.oid
           AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e') AS owns
       FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql' ORDER BY e.oid`,
    );
    return rows.map(({ name, version, schema, owns }) => ({ name, version, schema, ownsSchema: owns === 't' }));
  },
};

export interface AvailableExtension {
  readonly name: string;
  /** What CREATE EXTENSION installs. */
  readonly defaultVersion: string;
  /** Null: not installed in this database. */
  readonly installedVersion: string | null;
  readonly versions: readonly string[];
}

/** What can be installed: https://www.postgresql.org/docs/current/view-pg-available-extensions.html */
export const availableExtensions: Fact<ReadonlyMap<string, AvailableExtension>> = {
  async read(client) {
    const { rows } = await client.query<{ name: string; def: string; installed: string | null; versions: string }>(
      `SELECT e.name, e.default_version AS def, e.installed_version AS installed, coalesce(v.versions, '[]') AS versions
       FROM pg_available_extensions e LEFT JOIN (
         SELECT name, json_agg(version)::text AS versions FROM pg_available_extension_versions GROUP BY name) v USING (name)`,
    );
    return new Map(
      rows.map(({ name, def, installed, versions }) => [
        name,
        { name, defaultVersion: def, installedVersion: installed, versions: JSON.parse(versions) as string[] },
      ]),
    );
  },
};
