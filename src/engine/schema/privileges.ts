import type pg from 'pg';
import { SYSTEM_SCHEMAS } from '../source/belongs.ts';
import type { ArchiveEntry } from './archive.ts';

/** What is known of the roles that a dump's privileges speak of. */
export interface RolesOfPrivileges {
  /** On the source: they own objects. Here everything belongs to the role that migrates. */
  readonly owners: ReadonlySet<string>;
  /** On the target. */
  readonly there: ReadonlySet<string>;
  /** Of those, the ones that our role may act as. */
  readonly ours: ReadonlySet<string>;
}

const OWNERS = `
SELECT DISTINCT pg_get_userbyid(owner) AS name FROM (
  SELECT c.relowner AS owner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT ${SYSTEM_SCHEMAS}
  UNION SELECT p.proowner FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE NOT ${SYSTEM_SCHEMAS}
  UNION SELECT t.typowner FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE NOT ${SYSTEM_SCHEMAS}
  UNION SELECT n.nspowner FROM pg_namespace n WHERE NOT ${SYSTEM_SCHEMAS}
  UNION SELECT datdba FROM pg_database WHERE datname = current_database()) o`;

export async function readRolesOfPrivileges(source: pg.Client, target: pg.Client): Promise<RolesOfPrivileges> {
  const owners = await source.query<{ name: string }>(OWNERS);
  const there = await target.query<{ name: string; ours: string }>(
    `SELECT rolname AS name, pg_has_role(current_user, oid, 'MEMBER') AS ours FROM pg_roles`,
  );
  return {
    owners: new Set(owners.rows.map((row) => row.name)),
    there: new Set(there.rows.map((row) => row.name)),
    ours: new Set(there.rows.filter(({ ours }) => ours === 't').map((row) => row.name)),
  };
}

const IDENT = String.raw`"(?:[^"]|"")+"|[^\s";,()]+`;
const GRANTEE = new RegExp(`( (?:TO|FROM) )(${IDENT})( WITH GRANT OPTION)?$`);
const FOR_ROLE = new RegExp(`^ALTER DEFAULT PRIVILEGES FOR ROLE (${IDENT}) `);
const GRANTOR = /^(?:SET|RESET) SESSION AUTHORIZATION\b/;

const unquote = (ident: string): string =>
  ident.startsWith('"') ? ident.slice(1, -1).replaceAll('""', '"') : ident.toLowerCase();

/** Statements without their semicolons; those inside of quotes separate nothing. Privileges have no string constants. */
const statementsOf = (sql: string): string[] =>
  (sql.match(/(?:"(?:[^"]|"")*"|[^";])+/g) ?? []).map((statement) => statement.trim()).filter(Boolean);

/**
 * Only the owner's own rights, and PUBLIC's, are ever revoked in a dump. Whoever has given up the right to write to its
 * own tables would keep us from writing, too.
 */
export const takesRightsOfOwner = (entry: ArchiveEntry): boolean =>
  entry.type === 'ACL' &&
  statementsOf(entry.sql).some((statement) => {
    const grantee = statement.startsWith('REVOKE ') ? GRANTEE.exec(statement)?.[2] : undefined;
    return grantee !== undefined && grantee !== 'PUBLIC';
  });

/**
 * Privileges as the target can take them: an owner of the source that does not exist here is whoever owns everything
 * here, grantors are left out (setting one needs a superuser), and so are roles that are not there, told by name.
 */
export function adaptPrivileges(
  entry: ArchiveEntry,
  { owners, there, ours }: RolesOfPrivileges,
): { entry: ArchiveEntry; missing: readonly string[] } {
  const missing = new Set<string>();
  const statements = statementsOf(entry.sql);
  // Besides PUBLIC only the owner of the object is ever revoked something; here that is our role.
  const ownersOfObject = new Set(
    entry.type === 'ACL'
      ? statements.flatMap((one) => (one.startsWith('REVOKE ') ? [unquote(GRANTEE.exec(one)?.[2] ?? 'PUBLIC')] : []))
      : [],
  );
  /** Null: there is nobody who could stand in. */
  const roleHere = (ident: string): string | null => {
    const name = unquote(ident);
    if (ident !== 'PUBLIC' && ownersOfObject.has(name) && !ours.has(name)) return 'CURRENT_USER';
    if (ident === 'PUBLIC' || there.has(name)) return ident;
    if (owners.has(name)) return 'CURRENT_USER';
    missing.add(name);
    return null;
  };
  const kept: string[] = [];
  for (const statement of statements) {
    if (GRANTOR.test(statement)) continue;
    const creator = FOR_ROLE.exec(statement);
    // What an owner of the source creates by default, whoever owns everything here does; only a member of a role sets that role's.
    const isOwner = creator?.[1] !== undefined && owners.has(unquote(creator[1])) && !ours.has(unquote(creator[1]));
    const creatorHere = creator?.[1] === undefined ? '' : isOwner ? 'CURRENT_USER' : roleHere(creator[1]);
    const grantee = GRANTEE.exec(statement);
    const granteeHere = grantee?.[2] === undefined ? '' : roleHere(grantee[2]);
    if (creatorHere === null || granteeHere === null) continue;
    // The grantee stands at the end, so that what comes before keeps its place.
    const head = grantee ? statement.slice(0, grantee.index) : statement;
    const tail = grantee ? `${grantee[1] ?? ''}${granteeHere}${grantee[3] ?? ''}` : '';
    kept.push(
      `${creator ? `ALTER DEFAULT PRIVILEGES FOR ROLE ${creatorHere} ${head.slice(creator[0].length)}` : head}${tail};`,
    );
  }
  return { entry: { ...entry, sql: kept.join('\n') }, missing: [...missing] };
}

const PRIVILEGES = new Set(['ACL', 'DEFAULT ACL']);

/** The same entries with adapted privileges, and a sentence about every role that nothing could be granted to. */
export function adaptAllPrivileges(
  entries: readonly ArchiveEntry[],
  roles: RolesOfPrivileges,
): { entries: readonly ArchiveEntry[]; missing: ReadonlyMap<string, number> } {
  const missing = new Map<string, number>();
  const adapted = entries.map((entry) => {
    if (!PRIVILEGES.has(entry.type)) return entry;
    const result = adaptPrivileges(entry, roles);
    for (const role of result.missing) missing.set(role, (missing.get(role) ?? 0) + 1);
    return result.entry;
  });
  return { entries: adapted, missing };
}
