import type pg from 'pg';
import { firstRow } from '../../postgres/query.ts';
import { type RolesOfPrivileges, readRolesOfPrivileges } from '../schema/privileges.ts';
import { type Entries, type Entry, keyOf } from './entry.ts';

export interface PrivilegeRoles extends RolesOfPrivileges {
  /** The role that migrates, which owns everything on the target. */
  readonly us: string;
}

export async function readPrivilegeRoles(source: pg.Client, target: pg.Client): Promise<PrivilegeRoles> {
  return { ...(await readRolesOfPrivileges(source, target)), us: await currentUser(target) };
}

export const currentUser = async (client: pg.Client): Promise<string> =>
  (await firstRow<{ name: string }>(client, 'SELECT current_user AS name')).name;

type Privilege = readonly [grantee: string, privilege: string, grantable: boolean];

const ROLE = 'role ';

/** The role of the target that stands for one of the source, as a migration maps them; null: there is none. */
function roleHere(name: string, { owners, there, us }: PrivilegeRoles): string | null {
  if (there.has(name)) return name;
  return owners.has(name) ? us : null;
}

/** What a grantee may do: names of privileges, with an asterisk for WITH GRANT OPTION. */
export type Granted = readonly (readonly [grantee: string, privileges: readonly string[]])[];

/** Privileges in one form and order, for the field `privileges`: a JSON array of grantees. */
function inOrder(privileges: readonly Privilege[]): string {
  const byGrantee = new Map<string, Map<string, boolean>>();
  for (const [grantee, privilege, grantable] of privileges) {
    const of = byGrantee.get(grantee) ?? new Map<string, boolean>();
    byGrantee.set(grantee, of.set(privilege, grantable || (of.get(privilege) ?? false)));
  }
  const granted: Granted = [...byGrantee]
    .map(
      ([grantee, of]) =>
        [grantee, [...of].map(([name, grantable]) => `${name}${grantable ? '*' : ''}`).sort()] as const,
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return granted.length === 0 ? '' : JSON.stringify(granted);
}

export const grantedOf = (field: string | null): Granted => JSON.parse(field ?? '[]') as Granted;

/** The same for people: `owner: SELECT, UPDATE; role x: SELECT*`. */
export const privilegesInWords = (field: string): string =>
  grantedOf(field)
    .map(([grantee, names]) => `${grantee}: ${names.join(', ')}`)
    .join('; ');

/** MAINTAIN is new in 17: who had all privileges before has it there, too. */
const without =
  (dropMaintain: boolean) =>
  ([, privilege]: Privilege) =>
    !(dropMaintain && privilege === 'MAINTAIN');

export interface PrivilegesOfSource {
  readonly entries: Entries;
  /** Roles that the target does not have, and how many objects of the source they have privileges on. */
  readonly missing: ReadonlyMap<string, number>;
}

/** The source's objects with privileges as the target can have them: every role is one of the target. */
export function privilegesOfSource(entries: Entries, roles: PrivilegeRoles, dropMaintain: boolean): PrivilegesOfSource {
  const missing = new Map<string, number>();
  const adapted = new Map<string, Entry>();
  // Default privileges of several owners become those of our role, which has all of them.
  const keptOf = new Map<string, readonly Privilege[]>();
  for (const entry of entries.values()) {
    const gone = new Set<string>();
    const grantee = (who: string): string | null => {
      if (!who.startsWith(ROLE)) return who;
      const name = roleHere(who.slice(ROLE.length), roles);
      if (name === null) gone.add(who.slice(ROLE.length));
      if (name === null) return null;
      return name === roles.us ? 'owner' : `${ROLE}${name}`;
    };
    const kept = (JSON.parse(entry.fields.privileges ?? '[]') as Privilege[])
      .filter(without(dropMaintain))
      .flatMap(([who, ...rest]): Privilege[] => {
        const here = grantee(who);
        return here === null ? [] : [[here, ...rest]];
      });
    const name = entry.kind === 'default privileges' ? nameHere(entry.name, roles, gone) : entry.name;
    for (const role of gone) missing.set(role, (missing.get(role) ?? 0) + 1);
    if (name === null) continue;
    const key = keyOf({ ...entry, name });
    const all = [...(keptOf.get(key) ?? []), ...kept];
    keptOf.set(key, all);
    adapted.set(key, withPrivileges({ ...entry, name }, all));
  }
  return { entries: adapted, missing };
}

function nameHere(name: readonly string[], roles: PrivilegeRoles, gone: Set<string>): readonly string[] | null {
  const [role = '', ...rest] = name;
  const creator = role.slice(ROLE.length);
  // As adaptPrivileges() maps them.
  const here = roles.owners.has(creator) && !roles.ours.has(creator) ? roles.us : roleHere(creator, roles);
  if (here === null) gone.add(creator);
  return here === null ? null : [`${ROLE}${here}`, ...rest];
}

/**
 * The target's objects with privileges in the same form. Grants to our own role on objects of others are left out: they were made
 * for the migration.
 */
export function privilegesOfTarget(entries: Entries, { us }: PrivilegeRoles, dropMaintain: boolean): Entries {
  return new Map(
    [...entries].map(([key, entry]) => {
      const all = (JSON.parse(entry.fields.privileges ?? '[]') as Privilege[])
        .filter(without(dropMaintain))
        .filter(([grantee]) => grantee !== `${ROLE}${us}`);
      return [key, withPrivileges(entry, all)];
    }),
  );
}

function withPrivileges(entry: Entry, privileges: readonly Privilege[]): Entry {
  const { privileges: _, ...fields } = entry.fields;
  const text = inOrder(privileges);
  return { ...entry, fields: text === '' ? fields : { ...fields, privileges: text } };
}
