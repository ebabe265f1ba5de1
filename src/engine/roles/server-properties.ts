import type pg from 'pg';
import { type KeptSetting, SETTINGS, toSettings } from '../schema/settings.ts';
import { DATABASE, type DatabaseProperties, toDatabaseProperties } from './database-properties.ts';
import { DEFAULT_PRIVILEGES, type DefaultPrivilege, toDefaultPrivilege } from './default-privileges.ts';
import { PARAMETER_GRANTS, type ParameterGrant, toParameterGrant } from './parameter-grants.ts';
import { ROLES, type ServerRoles, toServerRoles } from './server-roles.ts';
import { CHANGED_PRIVILEGES, type ChangedPrivilege, toChangedPrivilege } from './system-privileges.ts';

/** What lies around the objects of a database: roles, settings, and the rights on what nobody has made. */
export interface ServerProperties {
  /** `server_version_num` */
  readonly version: number;
  readonly roles: ServerRoles;
  readonly settings: readonly KeptSetting[];
  readonly parameters: readonly ParameterGrant[];
  readonly database: DatabaseProperties;
  readonly defaultPrivileges: readonly DefaultPrivilege[];
  readonly changedPrivileges: readonly ChangedPrivilege[];
}

/** pg_parameter_acl came with it. */
const PARAMETER_ACL_VERSION = 150000;

/** Reads all of it in one round trip, as `client` sees it in its database. */
export async function readServerProperties(client: pg.Client, version: number): Promise<ServerProperties> {
  const statements = [
    ROLES,
    SETTINGS,
    DATABASE,
    CHANGED_PRIVILEGES,
    DEFAULT_PRIVILEGES,
    ...(version >= PARAMETER_ACL_VERSION ? [PARAMETER_GRANTS] : []),
  ];
  const results = (await client.query(statements.join(';\n'))) as unknown as pg.QueryResult<Record<string, string>>[];
  const [roles = [], settings = [], database = [], changed = [], defaults = [], parameters = []] = results.map(
    ({ rows }) => rows,
  );
  return {
    version,
    roles: toServerRoles(roles),
    settings: toSettings(settings as unknown as Parameters<typeof toSettings>[0]),
    parameters: parameters.map(toParameterGrant),
    database: toDatabaseProperties(database[0] ?? {}),
    defaultPrivileges: defaults.map(toDefaultPrivilege),
    changedPrivileges: changed.map(toChangedPrivilege),
  };
}
