import { attempts } from '../../postgres/attempts.ts';
import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { availableExtensions, installedExtensions } from '../facts/extensions.ts';
import { listed, pass, warn } from '../outcome.ts';
import { ASK, NOT_TRIED } from './extensions.ts';

/** Whether version `a` comes before `b`: by its numbers, as `1.10` after `1.9`. */
export function olderThan(a: string, b: string): boolean {
  const numbers = (version: string) => (version.match(/\d+/g) ?? []).map(Number);
  const [one, two] = [numbers(a), numbers(b)];
  for (let at = 0; at < Math.max(one.length, two.length); at += 1) {
    const difference = (one[at] ?? 0) - (two[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** https://www.postgresql.org/docs/current/sql-alterextension.html */
export const extensionVersions: Check = {
  id: 'target-extension-versions',
  side: 'target',
  title: 'Versions of extensions',
  severity: 'warn',
  wanted: 'each as new on the target as on the source, or newer',
  why: 'An older version may lack functions or types that the schema uses.',
  fix: "ALTER EXTENSION … UPDATE TO '…'; on the target.",
  async run(run) {
    const { skipExtensions } = run.options;
    const available = await run.ask('target', availableExtensions);
    const older = (await run.ask('source', installedExtensions)).flatMap(({ name, version }) => {
      const there = available.get(name);
      if (NOT_TRIED.has(name) || skipExtensions === 'all' || skipExtensions.includes(name) || !there) return [];
      const has = there.installedVersion ?? there.defaultVersion;
      if (!olderThan(has, version)) return [];
      const update = there.installedVersion !== null && there.versions.some((one) => one === version);
      return [
        {
          text: `${name} ${has}, the source has ${version}`,
          name,
          sql: update ? `ALTER EXTENSION ${quoteIdent(name)} UPDATE TO ${quoteLiteral(version)}` : null,
        },
      ];
    });
    if (older.length === 0) return pass('none is older on the target');
    const found = listed(older.map(({ text }) => text));
    const updates = older.flatMap(({ sql }) => (sql === null ? [] : [sql]));
    const answers = updates.length === 0 ? [] : await attempts(run.target, updates);
    const possible = updates.filter((_, at) => answers[at] === null);
    const others = older.filter(({ sql }) => sql === null || !possible.includes(sql)).map(({ name }) => name);
    const fix = [
      ...(possible.length > 0 ? [`On the target: ${possible.map((sql) => `${sql};`).join(' ')}`] : []),
      ...(others.length > 0
        ? [
            `The target has no such version of ${listed(others)} for this role. ${ASK} Or make sure that the schema uses nothing new.`,
          ]
        : []),
    ].join('\n');
    return warn(found, {
      fix,
      ...(possible.length > 0 ? { apply: { side: 'target', sql: possible, restart: false } } : {}),
    });
  },
};
