import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { settings } from '../facts/settings.ts';
import { fail, info, listed, pass } from '../outcome.ts';

/** Settings that hide damaged rows, and that only a superuser may change for a session. */
const HIDING_ROWS = ['zero_damaged_pages', 'ignore_checksum_failure'];

/** https://www.postgresql.org/docs/current/runtime-config-developer.html */
export const sessionSettings = (side: 'source' | 'target'): Check => ({
  id: `${side}-session`,
  side,
  title: 'Settings of our sessions',
  severity: 'fail',
  wanted: 'no setting of server, database or role that hides damaged rows',
  why: 'Our sessions set every setting that changes values. Only a superuser may change these: while one is on, rows of a damaged page are missing without an error.',
  fix: 'ALTER SYSTEM RESET …; ALTER DATABASE … RESET …; ALTER ROLE … RESET …; as a superuser.',
  async run(run) {
    const known = await run.ask(side, settings);
    const hiding = HIDING_ROWS.filter((name) => known.get(name)?.raw === 'on');
    if (hiding.length > 0) {
      return fail('TM1221', `on in our sessions: ${listed(hiding)}`, {
        fix: `As a superuser, where it is set: ${hiding.map((name) => `ALTER SYSTEM RESET ${name}; or ALTER DATABASE … RESET ${name}; or ALTER ROLE … RESET ${name};`).join(' ')} then SELECT pg_reload_conf();`,
      });
    }
    const { rows } = await run[side].query<{ role: string }>(
      `SELECT substr(c.setting, 6) AS role FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) c(setting)
        WHERE c.setting LIKE 'role=%' AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
          AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user)) ORDER BY s.setrole DESC, s.setdatabase DESC LIMIT 1`,
    );
    const { user } = side === 'source' ? run.sourceSettings : run.targetSettings;
    const role = rows[0]?.role;
    if (role === undefined || role === 'none') return pass('nothing hides rows');
    return info(`ALTER … SET role = ${role} is not followed: our sessions are those of ${quoteIdent(user)}`, {
      fix: `To work as ${quoteIdent(role)}, add options=-c%20role%3D… to the connection string.`,
    });
  },
});
