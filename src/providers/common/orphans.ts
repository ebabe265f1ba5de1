import type pg from 'pg';
import {
  displayKey,
  findOrphans,
  readValidKeys,
  type ValidKey,
  waysOutOfOrphans,
} from '../../engine/cutover/orphans.ts';
import { entryOfKey, isNamed, leaveOutOption } from '../../engine/schema/leave-out.ts';
import { readSearchPath } from '../../engine/search-path.ts';
import { errorCode } from '../../postgres/connection-errors.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { giveSearchPath } from '../../postgres/search-path.ts';
import type { Check } from '../check.ts';
import { relationsFact } from '../facts/relations.ts';
import { counted, listed, pass, warn } from '../outcome.ts';
import { migrated, migratedWithRows } from '../relations.ts';

/** Bigger tables are looked at on the target while replay goes on. */
const SMALL_BYTES = 64 * 1024 ** 2;
/** Of one query, and of all of them. */
const STATEMENT_LIMIT = '2s';
const LIMIT_MS = 10_000;
/** query_canceled, insufficient_privilege, undefined_function: says nothing about the rows. */
const NO_ANSWER = new Set(['57014', '42501', '42883']);

/** https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SESSION-REPLICATION-ROLE: rows written with it unchecked. */
export const orphans: Check = {
  id: 'source-orphans',
  side: 'source',
  title: 'Rows that violate a foreign key',
  severity: 'warn',
  wanted: 'none',
  why: 'Rows written with session_replication_role = replica, or with triggers disabled, may refer to rows that do not exist, although the key counts as valid. The target refuses such a key. This check looks at tables of up to 64 MiB; larger ones are looked at on the target before the cut-over.',
  fix: 'Mend the rows on the source, or leave the key out with --leave-out.',
  async run({ ask, source, sourceSettings, options, signal }) {
    const known = await ask('source', relationsFact);
    const relations = migratedWithRows(known, options);
    const small = new Set(relations.filter(({ bytes, kind }) => kind === 'r' && bytes <= SMALL_BYTES).map(displayName));
    const withRows = new Set(relations.map(displayName));
    const present = new Set(migrated(known, options).map(displayName));
    const childOf = (key: ValidKey) => displayName({ schema: key.schema, name: key.table });
    const among = (key: ValidKey, names: ReadonlySet<string>) =>
      names.has(childOf(key)) && names.has(displayName(key.parent));
    const all = (await readValidKeys(source)).filter(
      (key) =>
        withRows.has(childOf(key)) &&
        present.has(displayName(key.parent)) &&
        !isNamed(options.leaveOut, entryOfKey(key)),
    );
    if (all.length === 0) return pass('no foreign keys');
    const [keys, emptied] = [all.filter((key) => among(key, withRows)), all.filter((key) => !among(key, withRows))];
    const { path } = await readSearchPath(source, sourceSettings, {
      side: 'source',
      application: 'check path',
      signal,
    });
    giveSearchPath(source, () => path);
    const end = performance.now() + LIMIT_MS;
    const found: { key: ValidKey; rows: string[] }[] = [];
    let looked = 0;
    for (const key of keys.filter((one) => among(one, small))) {
      if (performance.now() >= end) break;
      const rows = await lookBriefly(source, key);
      if (rows === null) continue;
      looked += 1;
      if (rows.length > 0) found.push({ key, rows });
    }
    const rest = keys.length - looked;
    const later = rest === 0 ? '' : `; ${counted(rest, 'key')} will be looked at before the cut-over`;
    if (found.length + emptied.length === 0) return pass(`${counted(looked, 'key')} looked at, no such rows${later}`);
    const violated = found.map(({ key, rows }) => `${displayKey(key)} (${rows.join('; ')})`);
    const referring = emptied.map((key) => `${displayKey(key)} to ${displayName(key.parent)}`);
    const parts = [
      ...(violated.length > 0 ? [listed(violated)] : []),
      ...(referring.length > 0 ? [`refers to a table whose rows are left out: ${listed(referring)}`] : []),
    ];
    return warn(`${parts.join('; ')}${later}`, { fix: remedyFor(found, emptied).join('\n') });
  },
};

function remedyFor(found: readonly { readonly key: ValidKey }[], emptied: readonly ValidKey[]): string[] {
  const first = found[0];
  const leaveOut = leaveOutOption([...found.map(({ key }) => key), ...emptied].map(entryOfKey));
  if (found.length === 1 && emptied.length === 0 && first) return waysOutOfOrphans(first.key, leaveOut);
  return [
    ...(found.length > 0 ? ['Mend the rows on the source.'] : []),
    ...(emptied.length > 0
      ? [
          'Bring the rows of the tables that are referred to. Else the cut-over is locked (TM6007) while rows refer to them.',
        ]
      : []),
    `Or leave the keys out: ${leaveOut}`,
  ];
}

/** Null: there was no answer in time. */
async function lookBriefly(source: pg.Client, key: ValidKey): Promise<string[] | null> {
  await source.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = '${STATEMENT_LIMIT}'`);
  try {
    return await findOrphans(source, key);
  } catch (error) {
    if (NO_ANSWER.has(errorCode(error) ?? '')) return null;
    throw error;
  } finally {
    await source.query('ROLLBACK');
  }
}
