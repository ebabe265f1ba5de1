import type pg from 'pg';

export interface PolicyWithoutRole {
  readonly schema: string;
  readonly name: string;
  readonly policy: string;
  readonly role: string;
}

/** Policies of the source that name a role which the target does not have: they can't be made there. */
export async function policiesWithoutRole(source: pg.Client, target: pg.Client): Promise<PolicyWithoutRole[]> {
  const { rows } = await source.query<{ schema: string; name: string; policy: string; role: string }>(
    `SELECT p.schemaname AS schema, p.tablename AS name, p.policyname AS policy, r.role
       FROM pg_policies p CROSS JOIN LATERAL unnest(p.roles) r(role) WHERE r.role <> 'public' ORDER BY 1, 2, 3, 4`,
  );
  const there = await target.query<{ name: string }>('SELECT rolname AS name FROM pg_roles');
  const names = new Set(there.rows.map((row) => row.name));
  return rows.filter((row) => !names.has(row.role));
}
