import type { Check } from '../check.ts';
import { fail, info, listed, pass, warn } from '../outcome.ts';

interface Available {
  name: string;
  default_version: string;
  installed_version: string | null;
  creatable: string;
}

/** https://www.postgresql.org/docs/current/view-pg-available-extensions.html */
export const extensions: Check = {
  id: 'target-extensions',
  side: 'target',
  title: 'Extensions',
  wanted: 'every extension of the source can be installed on the target',
  why: 'Their types and functions are part of the schema.',
  fix: 'Install the package on the target, choose a target that has it, or leave it out with --skip-extensions NAME if nothing depends on it.',
  async run({ source, target, options }) {
    const used = await source.query<{ name: string; version: string }>(
      "SELECT extname AS name, extversion AS version FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1",
    );
    if (used.rows.length === 0) return pass('the source uses none');
    const skipped = new Set(
      options.skipExtensions === 'all' ? used.rows.map(({ name }) => name) : options.skipExtensions,
    );
    const wanted = used.rows.filter(({ name }) => !skipped.has(name));
    const available = await target.query<Available>(
      `SELECT e.name, e.default_version, e.installed_version,
         (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR bool_or(NOT v.superuser OR v.trusted) AS creatable
       FROM pg_available_extensions e LEFT JOIN pg_available_extension_versions v USING (name)
       WHERE e.name = ANY ($1) GROUP BY 1, 2, 3`,
      [wanted.map(({ name }) => name)],
    );
    const onTarget = new Map(available.rows.map((row) => [row.name, row]));
    const missing = wanted.filter(({ name }) => !onTarget.has(name));
    if (missing.length > 0) {
      return fail('TM1214', `not available on the target: ${listed(missing.map(({ name }) => name))}`);
    }
    const forbidden = wanted.filter(({ name }) => {
      const row = onTarget.get(name);
      return row?.installed_version === null && row.creatable !== 't';
    });
    const list = wanted.map(({ name, version }) => {
      const row = onTarget.get(name);
      const there = row?.installed_version ?? row?.default_version;
      return there === version ? `${name} ${version}` : `${name} ${version} → ${there}`;
    });
    const found = [
      ...(list.length > 0 ? [listed(list)] : []),
      ...(skipped.size > 0 ? [`skipped: ${listed([...skipped])}`] : []),
    ];
    if (forbidden.length > 0) {
      return warn(`${found.join('; ')}; only a superuser may create ${listed(forbidden.map(({ name }) => name))}`, {
        fix: 'Have them created on the target by its administrator before the migration, or try: the provider may allow it.',
      });
    }
    return skipped.size > 0 ? info(found.join('; ')) : pass(found.join('; '));
  },
};
