import { planConnectionLimit, planDatabase } from './database-properties.ts';
import { planDefaultPrivileges } from './default-privileges.ts';
import { planParameterGrants } from './parameter-grants.ts';
import { planRoles, type RolesPlan } from './plan-roles.ts';
import { planSettings } from './plan-settings.ts';
import type { ServerProperties } from './server-properties.ts';
import type { LeftOutRole } from './server-roles.ts';
import type { Step } from './step.ts';
import { planChangedPrivileges } from './system-privileges.ts';

/** What the target still lacks of what lies around the objects of the source's database. */
export interface ServerPlan {
  /** Roles, memberships, settings, rights on parameters, in this order. */
  readonly roles: RolesPlan;
  /** Settings, privileges and comment of the database itself. */
  readonly database: readonly Step[];
  /** At the cut-over; null: nothing. */
  readonly connectionLimit: Step | null;
  /** They come with the dump. */
  readonly defaultPrivileges: readonly Step[];
  /** Rights on objects of the server or of extensions: they come with the dump. */
  readonly changedPrivileges: readonly Step[];
  /** Roles that are not created, being the provider's or the server's own, and that the target does not have by itself. */
  readonly leftOut: readonly LeftOutRole[];
}

export interface ServersToPlan {
  readonly source: ServerProperties;
  readonly target: ServerProperties;
  /** Roles that this migration has created on the target. */
  readonly created: ReadonlySet<string>;
  readonly skipRoles: boolean;
  readonly excludeSchema: readonly string[];
}

/** Pure: compares both sides, before a migration, during it, or at its end. */
export function planServer({ source, target, created, skipRoles, excludeSchema }: ServersToPlan): ServerPlan {
  const there = new Set(target.roles.all.map(({ name }) => name));
  const migrated = new Set(skipRoles ? [] : source.roles.roles.map(({ name }) => name));
  const thereBefore = new Set([...there].filter((name) => !created.has(name)));
  // With --skip-roles those that the operator has made get their rights all the same.
  const known = new Set([...migrated, ...there]);
  const own = new Set(source.roles.roles.map(({ name }) => name).filter((name) => known.has(name)));
  const plan: RolesPlan = skipRoles
    ? { steps: [], without: [], notes: [] }
    : planRoles({ source: source.roles, there: target.roles.all, created, targetVersion: target.version });
  const settings = { source: source.settings, target: target.settings, thereBefore, database: target.database.name };
  const ofRoles = planSettings({
    ...settings,
    source: source.settings.filter(({ role }) => role !== null),
    roles: migrated,
  });
  const ofDatabase = planSettings({
    ...settings,
    source: source.settings.filter(({ role }) => role === null),
    roles: migrated,
  });
  const parameters = skipRoles ? [] : planParameterGrants(source.parameters, target.parameters, migrated);
  // A provider changes such rights on its servers for itself.
  const provided = source.roles.leftOut.some(({ ofProvider }) => ofProvider);
  const changed = source.changedPrivileges.filter(({ role }) => role !== null || !provided);
  return {
    roles: { ...plan, steps: [...plan.steps, ...ofRoles, ...parameters] },
    database: [...ofDatabase, ...planDatabase(source.database, target.database, own)],
    defaultPrivileges: planDefaultPrivileges({
      source: source.defaultPrivileges,
      target: target.defaultPrivileges,
      roles: known,
      excludedSchemas: new Set(excludeSchema),
    }),
    leftOut: skipRoles ? [] : source.roles.leftOut.filter(({ name }) => !there.has(name)),
    connectionLimit: planConnectionLimit(source.database, target.database),
    changedPrivileges: planChangedPrivileges(
      changed,
      target.changedPrivileges,
      new Set([...own, ...source.roles.predefined]),
    ),
  };
}
