import { firstRow } from '../../postgres/query.ts';
import type { Fact } from '../fact.ts';
import { server } from './server.ts';

/** What our role may change of the server's configuration. */
export interface ParameterRights {
  /** By ALTER SYSTEM. */
  mayAlter(name: string): boolean;
  /** By pg_reload_conf(), after which a changed parameter takes effect. */
  readonly mayReload: boolean;
}

/** GRANT ALTER SYSTEM ON PARAMETER came with 15. */
const PARAMETER_ACL_VERSION = 150000;

/** https://www.postgresql.org/docs/current/ddl-priv.html */
export const parameterRights: Fact<ParameterRights> = {
  async read(client, ask) {
    const { role, versionNumber } = await ask(server);
    if (role.superuser) return { mayAlter: () => true, mayReload: true };
    if (versionNumber < PARAMETER_ACL_VERSION) return { mayAlter: () => false, mayReload: false };
    const { names, reload } = await firstRow<{ names: string | null; reload: string }>(
      client,
      `SELECT (SELECT string_agg(parname, ' ') FROM pg_parameter_acl WHERE has_parameter_privilege(parname, 'ALTER SYSTEM')) AS names,
         has_function_privilege('pg_catalog.pg_reload_conf()', 'EXECUTE') AS reload`,
    );
    const granted = new Set(names?.split(' '));
    return { mayAlter: (name) => granted.has(name.toLowerCase()), mayReload: reload === 't' };
  },
};
