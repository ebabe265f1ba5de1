import { quoteIdent } from '../../postgres/identifiers.ts';
import { type KeptSetting, settingName, settingValue } from '../schema/settings.ts';
import type { Step } from './step.ts';

export interface SettingsToPlan {
  readonly source: readonly KeptSetting[];
  readonly target: readonly KeptSetting[];
  /** The roles of the source that are migrated. */
  readonly roles: ReadonlySet<string>;
  /** The roles that the target had before: what holds in all its databases is not ours to change. */
  readonly thereBefore: ReadonlySet<string>;
  /** Of the target. */
  readonly database: string;
}

const keyOf = ({ role, inDatabase, name }: KeptSetting): string => JSON.stringify([role, inDatabase, name]);

/**
 * The settings of the source's database, and of its roles there and everywhere, that the target does not have yet. A role that was on the
 * target before gets those for this database; those for all databases are left to an administrator.
 * https://www.postgresql.org/docs/current/sql-alterrole.html
 */
export function planSettings({ source, target, roles, thereBefore, database }: SettingsToPlan): Step[] {
  const there = new Map(target.map((setting) => [keyOf(setting), setting.value]));
  const own = quoteIdent(database);
  const ofDatabase = new Set(source.flatMap((one) => (one.role === null && one.inDatabase ? [one.name] : [])));
  return source.flatMap((setting): Step[] => {
    const { role, inDatabase, name, value } = setting;
    if (role !== null && !roles.has(role)) return [];
    // On the source the setting of the database outranks that of ALTER ROLE ALL.
    if (role === null && !inDatabase && ofDatabase.has(name)) return [];
    // ALTER ROLE ALL is for every database of the source's server: here it is for ours.
    const key = role === null ? { ...setting, inDatabase: true } : setting;
    if (there.get(keyOf(key)) === value) return [];
    const whose =
      role === null ? `DATABASE ${own}` : `ROLE ${quoteIdent(role)}${inDatabase ? ` IN DATABASE ${own}` : ''}`;
    const left = role !== null && !inDatabase && thereBefore.has(role);
    return [
      {
        kind: 'settings',
        sql: `ALTER ${whose} SET ${settingName(name)} TO ${settingValue(name, value)}`,
        ...(left ? { byHand: 'the role was on the target before' } : {}),
      },
    ];
  });
}
