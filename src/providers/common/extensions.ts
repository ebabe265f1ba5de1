import { attempts } from '../../postgres/attempts.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check, CheckOutcome, CheckRun } from '../check.ts';
import {
  type AvailableExtension,
  availableExtensions,
  type InstalledExtension,
  installedExtensions,
} from '../facts/extensions.ts';
import { fail, info, listed, pass, warn } from '../outcome.ts';
import { whatUses } from './extension-users.ts';

/** TimescaleDB must be the first thing that a session does, and has checks of its own. */
export const NOT_TRIED = new Set(['timescaledb']);

/** Where an extension comes from that a target lacks. */
export const ASK =
  'Ask Tiger support for it (https://console.cloud.tigerdata.com/dashboard/support, or support@tigerdata.com); on a target of your own install its package.';

/** https://www.postgresql.org/docs/current/sql-createextension.html */
export const extensions: Check = {
  id: 'target-extensions',
  side: 'target',
  title: 'Extensions',
  severity: 'fail',
  wanted: 'every extension of the source can be installed on the target, by this role',
  why: 'Their types and functions are part of the schema: tables that use them cannot be created without.',
  fix: `${ASK} Or leave it out with --skip-extensions NAME if nothing depends on it.`,
  async run(run) {
    const used = await run.ask('source', installedExtensions);
    if (used.length === 0) return pass('the source uses none');
    const { skipExtensions } = run.options;
    const skipped = used.filter(({ name }) => skipExtensions === 'all' || skipExtensions.includes(name));
    const wanted = used.filter((extension) => !skipped.includes(extension));
    const skippedText = skipped.length === 0 ? [] : [`skipped: ${listed(skipped.map(({ name }) => name))}`];
    if (wanted.length === 0) return info(skippedText.join('; '));
    const available = await run.ask('target', availableExtensions);

    const missing = wanted.filter(({ name }) => !available.has(name));
    if (missing.length > 0) return unavailable(run, missing);

    const absent = wanted.filter(({ name }) => available.get(name)?.installedVersion === null);
    const tried = absent.filter(({ name }) => !NOT_TRIED.has(name));
    const answers = tried.length === 0 ? [] : await attempts(run.target, tried.map(creation));
    const refused = tried.flatMap((extension, at) => {
      const answer = answers[at];
      return answer ? [{ ...extension, message: answer.message }] : [];
    });
    if (refused.length > 0) return forbidden(run, refused);

    const found = [listed(wanted.map((extension) => shown(extension, available))), ...skippedText].join('; ');
    if (tried.length > 0) return creatable(found, tried);
    return skipped.length > 0 ? info(found) : pass(found);
  },
};

/** `hstore 1.8`, or `hstore 1.7 → 1.8` where the target has or will have another version. */
function shown({ name, version }: InstalledExtension, available: ReadonlyMap<string, AvailableExtension>): string {
  const there = available.get(name);
  const target = there?.installedVersion ?? there?.defaultVersion ?? version;
  return target === version ? `${name} ${version}` : `${name} ${version} → ${target}`;
}

/** The schema as pg_dump puts it, and the extension in it; what others it needs comes along. */
function creationStatements({ name, schema, ownsSchema }: InstalledExtension): string[] {
  const there = ownsSchema || schema === 'public' || schema === 'pg_catalog';
  return [
    ...(there ? [] : [`CREATE SCHEMA IF NOT EXISTS ${quoteIdent(schema)}`]),
    `CREATE EXTENSION IF NOT EXISTS ${quoteIdent(name)}${ownsSchema ? '' : ` SCHEMA ${quoteIdent(schema)}`} CASCADE`,
  ];
}

const creation = (extension: InstalledExtension): string => creationStatements(extension).join('; ');

function creatable(found: string, absent: readonly InstalledExtension[]): CheckOutcome {
  const sql = [...new Set(absent.flatMap(creationStatements))];
  return info(`${found}; not there yet, will be created: ${listed(absent.map(({ name }) => name))}`, {
    fix: `Nothing has to be done: the migration creates them. To have them beforehand, run this on the target: ${sql.map((one) => `${one};`).join(' ')}`,
    apply: { side: 'target', sql, restart: false },
  });
}

/** What to do with extensions that cannot be had, those first that something stands on. */
async function steps(
  run: CheckRun,
  names: readonly string[],
  say: { readonly used: (name: string, users: string) => string; readonly unused: (names: string) => string },
): Promise<{ readonly needed: boolean; readonly text: string[] }> {
  const users = await whatUses(run.source, names);
  const unused = names.filter((name) => !users.has(name));
  const text = [
    ...[...users].map(([name, objects]) => say.used(name, listed(objects, 6))),
    ...(unused.length > 0
      ? [
          `Nothing in the schema depends on ${listed(unused)}: ${say.unused(unused.join(' '))} What texts of functions and queries of the application call is not known here.`,
        ]
      : []),
  ];
  return { needed: users.size > 0, text };
}

async function unavailable(run: CheckRun, missing: readonly InstalledExtension[]): Promise<CheckOutcome> {
  const names = missing.map(({ name }) => name);
  const { text } = await steps(run, names, {
    used: (name, users) =>
      `${name} is used by ${users}. ${ASK} Or change these on the source first, then leave it out with --skip-extensions ${name}.`,
    unused: (unused) => `leave it out with --skip-extensions ${unused}.`,
  });
  return fail('TM1214', `not available on the target: ${listed(names)}`, { fix: text.join('\n') });
}

/** Without them only that is impossible which stands on them. */
async function forbidden(
  run: CheckRun,
  refused: readonly (InstalledExtension & { readonly message: string })[],
): Promise<CheckOutcome> {
  const names = refused.map(({ name }) => name);
  const { needed, text } = await steps(run, names, {
    used: (name, users) => `${name} is used by ${users}, which cannot be created without it.`,
    unused: (unused) =>
      `the migration goes on without it and says so, or leave it out with --skip-extensions ${unused}.`,
  });
  const found = `may not be created by this role: ${listed(refused.map(({ name, message }) => `${name} (${message})`))}`;
  const sql = [...new Set(refused.flatMap(creationStatements))].map((one) => `${one};`).join(' ');
  const fix = [`Have the administrator of the target run: ${sql}`, ...text].join('\n');
  return needed ? fail('TM1214', found, { fix }) : warn(found, { fix });
}
