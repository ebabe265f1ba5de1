import type pg from 'pg';
import { qualified } from '../../postgres/identifiers.ts';
import { withoutOtherWords } from '../definitions/canonical.ts';
import { compareEntries, type Difference } from '../definitions/compare.ts';
import { describe, type Entries, type Entry, keyOf } from '../definitions/entry.ts';
import { readLeftOut } from '../definitions/left-out.ts';
import { privilegesOfSource, privilegesOfTarget, readPrivilegeRoles } from '../definitions/privileges.ts';
import { type Definitions, readDefinitions } from '../definitions/read.ts';
import { asFarAsKnown } from '../definitions/versions.ts';
import type { DefinitionChange, Emit } from '../events.ts';
import type { MigrationOptions } from '../options.ts';
import { readLeftOut as readLeftOutOnRequest } from '../schema/leave-out.ts';
import { readBaseline } from './baseline.ts';
import { forgetCarried, readCarried, readFingerprint, recordCarried } from './carried.ts';
import { definitionsFingerprint } from './fingerprint.ts';
import { happened, isLate, statementsFor, toRestore } from './statements.ts';

export interface DefinitionWatchOptions {
  readonly workDirectory: string;
  readonly options: MigrationOptions;
  readonly emit: Emit;
}

const LOOK_INTERVAL_MS = 5000;
/** After a look, nothing is done for this many times as long as it took. */
const REST = 20;

/** Kinds and fields that `SchemaWatch` tells: rows and columns depend on them, so a change locks the cut-over. */
const OF_TABLES = new Set(['table', 'foreign table', 'composite type']);
const OF_COLUMNS = new Set(['position', 'type', 'collation', 'not null', 'generated']);
const NO_DEFINITION = new Set(['valid', 'populated', 'triggers', 'partition bound', 'parents', 'inherited']);

/**
 * Finds the definitions of the source that have changed since its schema was dumped and that the target lacks, and emits the list
 * when it changes. An object that is made in the cut-over is not listed any more once the operator has agreed to it.
 */
export class DefinitionWatch {
  readonly #options: DefinitionWatchOptions;
  #fingerprint: string | null = null;
  #changes: readonly DefinitionChange[] = [];
  #said = '[]';
  #notBefore = 0;
  #told = false;

  constructor(options: DefinitionWatchOptions) {
    this.#options = options;
  }

  get changes(): readonly DefinitionChange[] {
    return this.#changes;
  }

  /** Looks when it is time to. An error is told once: the migration does not depend on this look. */
  async tick(source: pg.Client, target: pg.Client): Promise<void> {
    if (performance.now() < this.#notBefore) return;
    const began = performance.now();
    try {
      await this.update(source, target);
      this.#told = false;
    } catch (error) {
      if (!this.#told) {
        const why = error instanceof Error ? error.message : String(error);
        this.#options.emit({
          type: 'log',
          text: `Definitions of source and target could not be compared, and are looked at again: ${why}`,
        });
      }
      this.#told = true;
    }
    const end = performance.now();
    this.#notBefore = end + Math.max(LOOK_INTERVAL_MS, (end - began) * REST);
  }

  /** Looks closely when a catalog of the source has changed, or something is open. */
  async update(source: pg.Client, target: pg.Client): Promise<void> {
    const fingerprint = await definitionsFingerprint(source);
    this.#fingerprint ??= await readFingerprint(target);
    if (fingerprint !== this.#fingerprint || this.#changes.length > 0) await this.look(source, target);
    this.#fingerprint = fingerprint;
  }

  /** Looks closely. */
  async look(source: pg.Client, target: pg.Client): Promise<void> {
    const baseline = await readBaseline(this.#options.workDirectory);
    this.#changes = baseline === null ? [] : await this.#findChanges(source, target, baseline);
    const said = JSON.stringify(this.#changes);
    if (said === this.#said) return;
    this.#said = said;
    this.#options.emit({ type: 'definition_changes', changes: [...this.#changes] });
  }

  async #findChanges(source: pg.Client, target: pg.Client, baseline: Definitions): Promise<DefinitionChange[]> {
    const current = await readDefinitions(source, false);
    const changed = compareEntries(current.entries, baseline.entries).flatMap(besidesTables);
    const carried = await readCarried(target);
    if (changed.length === 0 && carried.size === 0) return [];
    const leftOut = await readLeftOut(
      source,
      current.entries,
      this.#options.options,
      await readLeftOutOnRequest(target),
    );
    const wanted = changed.filter(({ state, entry }) => state === 'extra' || !leftOut(entry));
    const parts = wanted.flatMap(lateAndEarly);
    const early = await notOnTarget(
      source,
      target,
      current,
      parts.filter((one) => !isLate(one)),
    );
    const all = [...early, ...parts.filter(isLate)].sort(inOrder).map(toChangeIn(current));
    const isCarried = ({ key, sql }: DefinitionChange): boolean => carried.get(key) === JSON.stringify(sql);
    const kept = new Set(all.filter(isCarried).map(({ key }) => key));
    const open = new Set(all.map(({ key }) => key));
    const forgotten: string[] = [];
    for (const [key, detail] of carried) {
      if (kept.has(key)) continue;
      const entry = open.has(key) ? undefined : current.entries.get(key);
      const restoring = entry === undefined ? [] : toRestore(entry);
      if (restoring.length === 0) forgotten.push(key);
      else if (detail !== JSON.stringify(restoring)) await recordCarried(target, key, restoring);
    }
    await forgetCarried(target, forgotten);
    return all.filter((one) => !isCarried(one));
  }
}

/** By name, but the index of a partitioned table comes before its parts: these are attached to it, or dropped with it. */
function inOrder({ entry: one }: Difference, { entry: other }: Difference): number {
  return rankOf(one) - rankOf(other) || (describe(one) < describe(other) ? -1 : 1);
}

function rankOf({ kind, fields }: Entry): number {
  if (kind !== 'index' || fields['part of'] === undefined) return 0;
  return / ON ONLY /.test(fields.definition ?? '') ? 1 : 2;
}

/** What waits for the cut-over is told by itself. */
function lateAndEarly(one: Difference): Difference[] {
  if (one.state !== 'differs') return [one];
  const late = one.fields.filter((field) => isLate({ ...one, fields: [field] }));
  const early = one.fields.filter((field) => !late.includes(field));
  return [late, early].filter(({ length }) => length > 0).map((fields) => ({ ...one, fields }));
}

/** Without what the watch of tables tells, and what is no definition. */
function besidesTables(one: Difference): Difference[] {
  const { state, entry } = one;
  // It comes and goes with that of the parent.
  if (entry.fields.inherited === 'only') return [];
  if (state !== 'differs') {
    const ofTable =
      OF_TABLES.has(entry.kind) ||
      entry.kind === 'column' ||
      (entry.kind === 'sequence' && entry.fields['owned by'] !== undefined);
    return ofTable ? [] : [one];
  }
  const fields = one.fields.filter(
    ({ field }) => !NO_DEFINITION.has(field) && !(entry.kind === 'column' && OF_COLUMNS.has(field)),
  );
  return fields.length === 0 ? [] : [{ ...one, fields }];
}

/** The changes that the target lacks, with the target's own values. */
async function notOnTarget(
  source: pg.Client,
  target: pg.Client,
  current: Definitions,
  changed: readonly Difference[],
): Promise<Difference[]> {
  if (changed.length === 0) return [];
  const roles = await readPrivilegeRoles(source, target);
  const here = await readDefinitions(target, false);
  const version = Math.min(here.version, current.version);
  const byKey = new Map(changed.map((one) => [keyOf(one.entry), one]));
  const only = (entries: Entries): Entries =>
    new Map([...asFarAsKnown(entries, version)].filter(([key]) => byKey.has(key)));
  const ours = privilegesOfSource(only(current.entries), roles, version < 170000);
  const theirs = privilegesOfTarget(only(here.entries), roles, version < 170000);
  return (await withoutOtherWords(target, compareEntries(ours.entries, theirs))).flatMap((one) => {
    const change = byKey.get(keyOf(one.entry));
    if (one.state !== 'differs' || change?.state !== 'differs') return [one];
    // Other fields of the target differ on purpose while rows are replayed.
    const fields = one.fields.filter(({ field }) => change.fields.some((changedField) => changedField.field === field));
    return fields.length === 0 ? [] : [{ ...one, fields }];
  });
}

/** Of the source as it is now. */
function toChangeIn({ entries }: Definitions): (difference: Difference) => DefinitionChange {
  // Names in quotes, with a comma between them; a name itself may hold one.
  const parents = new Set(
    [...entries.values()].flatMap(({ fields }) => fields.parents?.match(/(?:"(?:[^"]|"")*"\.?)+/g) ?? []),
  );
  return (difference) => {
    const [schema = '', name = ''] = difference.entry.name;
    const { sql, atOnce = [], when } = statementsFor(difference, parents.has(qualified({ schema, name })));
    return {
      key: keyOf(difference.entry),
      object: describe(difference.entry),
      what: happened(difference),
      sql: [...sql],
      at_once: [...atOnce],
      when,
    };
  };
}
