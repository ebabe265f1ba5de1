import { setTimeout as delay } from 'node:timers/promises';
import { displayName } from '../../postgres/identifiers.ts';
import type { Lsn } from '../../postgres/lsn.ts';
import type { Emit } from '../events.ts';
import { insertTables, readTableStates } from '../sync/table-states.ts';
import { WAITING_FOR_SCHEMA } from '../troubles.ts';
import { bindFitting, type FittingOptions } from './bind-fitting.ts';
import { SchemaMisfit, type UnknownTable } from './misfit.ts';
import { readShapes, readShapesByName } from './shape.ts';

/** How often the target is looked at meanwhile. */
const LOOK_INTERVAL_MS = 1000;

/**
 * Replay waits here, with nothing open on the target, while a table there does not fit: everything before is applied,
 * the receiver goes on spooling, and whoever alters the target need not tell the engine.
 */
export class SchemaHold {
  readonly #emit: Emit;
  readonly #signal: AbortSignal;
  #standing: SchemaMisfit | null = null;
  /** What was tried again last, and where: the same at the same place is not tried again at once. */
  #before = '';

  constructor(of: { readonly emit: Emit; readonly signal: AbortSignal }) {
    this.#emit = of.emit;
    this.#signal = of.signal;
  }

  get standing(): SchemaMisfit | null {
    return this.#standing;
  }

  /** Resolves when it pays to try again from `applied`, where replay stands. Rejects when the signal aborts. */
  async untilFits(misfit: SchemaMisfit, applied: Lsn, of: FittingOptions): Promise<void> {
    const at = `${applied} ${misfit.message}`;
    const again = at === this.#before;
    this.#before = at;
    // What was found out by a statement is looked at anew at once; only if that does not help is it for the operator.
    if (misfit.of === null && !again) return;
    try {
      for (let now: SchemaMisfit | null = misfit; now; now = await this.#look(now, of)) {
        this.#stand(now);
        await delay(LOOK_INTERVAL_MS, undefined, { signal: this.#signal });
        if (now.of === null) break;
      }
    } finally {
      if (this.#standing) this.#emit({ type: 'healed', what: WAITING_FOR_SCHEMA });
      this.#standing = null;
    }
  }

  #stand(misfit: SchemaMisfit): void {
    const said = this.#standing;
    this.#standing = misfit;
    if (said?.message === misfit.message && said.hint === misfit.hint) return;
    const error = misfit.report();
    this.#emit({ type: 'retry', what: WAITING_FOR_SCHEMA, policy: 'operator', error, retry_ms: LOOK_INTERVAL_MS });
  }

  /** What still does not fit; null when all does. */
  async #look(misfit: SchemaMisfit, fitting: FittingOptions): Promise<SchemaMisfit | null> {
    const { of } = misfit;
    if (!of) return null;
    if ('unknown' in of) return (await isSettled(of.unknown, fitting)) ? null : misfit;
    const synced = (await readTableStates(fitting.target)).find(({ sourceOid }) => sourceOid === of.relation.oid);
    if (!synced) return null;
    return bindFitting(fitting, of.relation, synced).then(
      (bound) => (of.inForm && bound && bound.otherTypes.length > 0 ? misfit : null),
      (error: unknown) => {
        if (error instanceof SchemaMisfit) return error;
        throw error;
      },
    );
  }
}

/**
 * Whether replay gets over a table that the migration did not have: it was taken in, or it is gone from the source, so that
 * nothing of it is wanted any more.
 */
async function isSettled(
  { oid, schema, name }: UnknownTable,
  { target, onSource, tell }: FittingOptions,
): Promise<boolean> {
  const known = (await readTableStates(target)).some((table) =>
    oid === null ? table.schema === schema && table.name === name : table.sourceOid === oid,
  );
  if (known) return true;
  const there = await onSource((source) =>
    oid === null ? readShapesByName(source, [{ schema, name }]) : readShapes(source, [oid]),
  );
  if (there.length > 0) return false;
  if (oid !== null) {
    // Under a name that no table has: another one may have been given this one's.
    const kept = {
      sourceOid: oid,
      schema,
      name: `${name} (dropped, ${oid})`,
      kind: 'ordinary',
      rootOid: oid,
      copyRows: false,
      parts: 1,
    };
    await insertTables(target, [kept]);
    tell(
      `Changes of ${displayName({ schema, name })}, which was created after the start and dropped again, are left out.`,
    );
  }
  return true;
}
