import type { Check } from '../check.ts';
import { serverPlan } from '../facts/server-properties.ts';
import { surroundings } from '../facts/surroundings.ts';
import { fail, info, listed, pass } from '../outcome.ts';

/** `a, b (of the extension timescaledb); c (…)`. */
function byReason(some: readonly { readonly name: string; readonly why: string }[]): string {
  const reasons = new Map<string, string[]>();
  for (const { name, why } of some) reasons.set(why, [...(reasons.get(why) ?? []), name]);
  return [...reasons].map(([why, names]) => `${listed(names, 40)} (${why})`).join('; ');
}

/** What is decided by what it is, not by its name: see `engine/source/belongs.ts` and `engine/roles/provider-roles.ts`. */
export const notMigrated: Check = {
  id: 'source-not-migrated',
  side: 'source',
  title: 'What belongs to others',
  severity: 'info',
  wanted: 'no schemas or roles of an extension or a provider, or known to you',
  why: 'The schemas of TimescaleDB, of its toolkit and of an earlier migration are not copied: the target has its own. Roles of the provider and the superuser postgres stay on the source.',
  fix: 'Nothing has to be done. If the application logs in as one of these roles, create a role for it on the target. Move tables of your own out of these schemas first: ALTER TABLE … SET SCHEMA …;',
  async run(run) {
    const { leftOutSchemas: schemas } = await run.ask('source', surroundings);
    const { leftOut: roles } = await serverPlan(run);
    const found = [
      ...(schemas.length > 0 ? [`schemas left out: ${byReason(schemas)}`] : []),
      ...(roles.length > 0 ? [`roles left out: ${byReason(roles)}`] : []),
    ];
    return found.length === 0 ? pass('nothing is left out') : info(found.join('; '));
  },
};

/** Our schema holds what is durable about a migration: see `engine/target/progress-schema.ts`. */
export const ownSchema = (side: 'source' | 'target'): Check => ({
  id: `${side}-schema-tiger-migrate`,
  side,
  title: 'Schema tiger_migrate',
  severity: 'fail',
  wanted: 'no schema of that name, unless it is ours',
  why: 'The migration keeps its state on the target in a schema of that name.',
  fix: 'ALTER SCHEMA tiger_migrate RENAME TO …; or, on the source, leave it out with --exclude-schema tiger_migrate.',
  async run(run) {
    if (!(await run.ask(side, surroundings)).foreignOwnSchema) return pass('none');
    if (side === 'source' && run.options.excludeSchema.includes('tiger_migrate')) return pass('left out on request');
    const renaming = 'Rename it: ALTER SCHEMA tiger_migrate RENAME TO …;';
    return fail('TM1218', `the ${side} has a schema tiger_migrate that is not ours`, {
      fix:
        side === 'source'
          ? `${renaming}\nOr leave it out: --exclude-schema tiger_migrate`
          : `${renaming}\nOr drop it, or use another database as the target.`,
    });
  },
});
