import type pg from 'pg';
import type { Difference, DifferentField } from '../definitions/compare.ts';
import { compareDefinitions } from '../definitions/compare-databases.ts';
import { describe } from '../definitions/entry.ts';
import { privilegesInWords } from '../definitions/privileges.ts';
import type { MigrationOptions } from '../options.ts';
import { readSettings } from '../schema/settings.ts';

/** What source and target have otherwise besides rows, as sentences. */
export async function compareObjects(
  source: pg.Client,
  target: pg.Client,
  options: MigrationOptions,
): Promise<string[]> {
  const { differences, rolesMissing } = await compareDefinitions(source, target, options);
  return [
    ...differences.map(inSentence).sort(),
    ...[...rolesMissing].map(
      ([role, count]) => `role ${role} has privileges on ${count} objects of the source and is missing on the target`,
    ),
    ...(await compareSettings(source, target, options)),
  ];
}

/** `view public.v differs in definition: "…" on the source, "…" on the target`. */
function inSentence({ state, entry, fields }: Difference): string {
  if (state === 'missing') return `${describe(entry)} is missing on the target`;
  if (state === 'extra') return `${describe(entry)} is on the target only`;
  const values = (side: 'source' | 'target') => fields.map((field) => wordsOf(field, side)).join(', ');
  return `${describe(entry)} differs in ${fields.map(({ field }) => field).join(', ')}: ${values('source')} on the source, ${values('target')} on the target`;
}

const wordsOf = (field: DifferentField, side: 'source' | 'target'): string =>
  field[side] === null
    ? 'none'
    : field.field === 'privileges'
      ? `"${privilegesInWords(field[side])}"`
      : JSON.stringify(field[side].replaceAll(/\s+/g, ' ').trim());

/** Settings of the database, and of roles in it that both servers have. */
async function compareSettings(
  source: pg.Client,
  target: pg.Client,
  { skipRoles }: MigrationOptions,
): Promise<string[]> {
  const whose = ({ role, name }: { role: string | null; name: string }) =>
    `setting ${name} of the database${role === null ? '' : ` for role ${role}`}`;
  const here = new Map(
    (await readSettings(target)).filter(({ inDatabase }) => inDatabase).map((one) => [whose(one), one.value]),
  );
  const { rows } = await target.query<{ name: string }>('SELECT rolname AS name FROM pg_roles');
  const roles = new Set(rows.map(({ name }) => name));
  return (await readSettings(source))
    .filter(({ role, inDatabase }) => inDatabase && (role === null || (roles.has(role) && !skipRoles)))
    .filter((one) => here.get(whose(one)) !== one.value)
    .map(
      (one) =>
        `${whose(one)} is ${JSON.stringify(here.get(whose(one)) ?? null)} on the target, ${JSON.stringify(one.value)} on the source`,
    );
}
