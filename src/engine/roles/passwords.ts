import type pg from 'pg';
import { CREATED_ROLE } from './step.ts';

const CREATED = `
SELECT r.rolname AS name FROM tiger_migrate.object o JOIN pg_roles r ON r.rolname = o.name
 WHERE o.kind = $1 AND r.rolcanlogin ORDER BY 1`;

const WITH_PASSWORD = `
SELECT a.rolname AS name FROM pg_authid a WHERE a.rolpassword IS NOT NULL
   AND a.rolname IN (SELECT o.name FROM tiger_migrate.object o WHERE o.kind = $1)`;

/**
 * The roles with LOGIN that this migration has created on the target, which come without passwords. Where our role may see it, roles
 * that have got a password since are left out.
 */
export async function readRolesWithoutPassword(target: pg.Client): Promise<string[]> {
  const { rows: created } = await target.query<{ name: string }>(CREATED, [CREATED_ROLE]);
  if (created.length === 0) return [];
  const { rows: mayLook } = await target.query("SELECT WHERE has_table_privilege('pg_catalog.pg_authid', 'SELECT')");
  const { rows } =
    mayLook.length === 0 ? { rows: [] } : await target.query<{ name: string }>(WITH_PASSWORD, [CREATED_ROLE]);
  const set = new Set(rows.map(({ name }) => name));
  return created.map(({ name }) => name).filter((name) => !set.has(name));
}
