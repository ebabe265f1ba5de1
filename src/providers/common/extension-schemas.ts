import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { installedExtensions } from '../facts/extensions.ts';
import { listed, pass, warn } from '../outcome.ts';

/** Who may move an extension owns all that is in it: of a trusted one that is the superuser, and its owner may only drop it. */
const MOVABLE = `
SELECT e.extname AS name, CASE WHEN e.extrelocatable AND r.rolsuper THEN 'move' WHEN pg_has_role(e.extowner, 'USAGE') THEN 'create' ELSE 'none' END AS way
  FROM pg_extension e JOIN pg_roles r ON r.rolname = current_user WHERE e.extname <> 'timescaledb'`;

/** https://www.postgresql.org/docs/current/sql-alterextension.html */
export const extensionSchemas: Check = {
  id: 'target-extension-schemas',
  side: 'target',
  title: 'Schemas of extensions',
  severity: 'warn',
  wanted: 'an extension that the target has already is in the same schema as on the source',
  why: 'Definitions name the types and functions of extensions with their schemas, and functions find them by search_path. In another schema they are not found.',
  fix: 'ALTER EXTENSION … SET SCHEMA … on the target, or DROP EXTENSION …: the migration then creates it in the right schema.',
  async run({ ask, target, options }) {
    const there = new Map((await ask('target', installedExtensions)).map((one) => [one.name, one.schema]));
    const moved = (await ask('source', installedExtensions)).filter(({ name, schema }) => {
      if (options.skipExtensions === 'all' || options.skipExtensions.includes(name)) return false;
      const here = there.get(name);
      return here !== undefined && here !== schema;
    });
    if (moved.length === 0) return pass('the same on both sides');
    const { rows } = await target.query<{ name: string; way: string }>(MOVABLE);
    const ways = new Map(rows.map(({ name, way }) => [name, way]));
    const wayOf = (name: string) => ways.get(name) ?? 'none';
    const sql = moved.flatMap(({ name, schema }) => {
      const way = wayOf(name);
      if (way === 'none') return [];
      const into = schema === 'public' ? [] : [`CREATE SCHEMA IF NOT EXISTS ${quoteIdent(schema)}`];
      if (way === 'move') return [...into, `ALTER EXTENSION ${quoteIdent(name)} SET SCHEMA ${quoteIdent(schema)}`];
      const create = `CREATE EXTENSION ${quoteIdent(name)} SCHEMA ${quoteIdent(schema)}`;
      // One text is one transaction: when the second is refused, the extension stays.
      return [...into, `DROP EXTENSION ${quoteIdent(name)}; ${create}`];
    });
    const others = moved.filter(({ name }) => wayOf(name) === 'none');
    const fix = [
      ...(sql.length > 0
        ? [`On the target (an extension is dropped only if nothing uses it): ${sql.map((one) => `${one};`).join(' ')}`]
        : []),
      ...(others.length > 0
        ? [
            `Can not be moved by this role: ${listed(others.map(({ name }) => name))}. Drop them on the target if nothing uses them there (DROP EXTENSION …), or have their owner move them; or move them on the source to the schema of the target.`,
          ]
        : []),
    ];
    return warn(listed(moved.map(({ name, schema }) => `${name} in ${there.get(name)} instead of ${schema}`)), {
      fix: fix.join('\n'),
      ...(sql.length > 0 && others.length === 0 ? { apply: { side: 'target', sql, restart: false } } : {}),
    });
  },
};
