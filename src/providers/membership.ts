import { quoteIdent } from '../postgres/identifiers.ts';
import type { ServerFacts } from './facts/server.ts';

/** GRANT … WITH INHERIT came with 16; before, a role inherits from all its groups or from none. */
const INHERIT_OPTION_VERSION = 160000;

/**
 * SQL by which our role gets, and uses without SET ROLE, the rights of another one.
 * https://www.postgresql.org/docs/current/role-membership.html
 */
export function grantMembership(group: string, user: string, { versionNumber, role }: ServerFacts): string {
  // PostgreSQL's own groups have plain names.
  const name = /^pg_[a-z_]+$/.test(group) ? group : quoteIdent(group);
  const grant = `GRANT ${name} TO ${quoteIdent(user)}`;
  if (versionNumber >= INHERIT_OPTION_VERSION) return `${grant} WITH INHERIT TRUE;`;
  return role.inherits ? `${grant};` : `${grant}; ALTER ROLE ${quoteIdent(user)} INHERIT;`;
}
