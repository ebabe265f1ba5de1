import type { ArchiveEntry } from '../schema/archive.ts';
import type { SourceSchema } from '../schema/dump.ts';
import { isOfTimescaleFunctions } from '../source/belongs.ts';

/** pg_class */
const RELATION_CLASS = 1259;

/** Only rights of a superuser make it, and the target has its own, perhaps newer. */
const isExtension = ({ type, name }: ArchiveEntry): boolean => type === 'EXTENSION' && name === 'timescaledb';

/** Sources before 2.23 have such on hypertables, which the target makes itself where it needs them. */
const isTriggerOfExtension = ({ type, sql }: ArchiveEntry): boolean =>
  type === 'TRIGGER' && isOfTimescaleFunctions(TRIGGER_FUNCTION.exec(sql)?.[1] ?? '');
const TRIGGER_FUNCTION = /EXECUTE FUNCTION "?(\w+)"?\."?\w+"?\([^)]*\);\s*$/;

/**
 * The dump's statements for tables that are hypertables by the time they run: those refuse `ONLY`, for what is said of them holds for
 * their chunks as well. Chunks that stand in a schema of the operator's are in the dump, too; the target makes its own.
 */
export function adaptToHypertables(
  dumped: SourceSchema,
  hypertables: ReadonlySet<number>,
  chunks: ReadonlySet<number>,
): SourceSchema {
  if (hypertables.size === 0) return dumped;
  const schema = withoutChunks(dumped, chunks);
  const ids = new Set(
    schema.preData
      .filter(({ classOid, oid }) => classOid === RELATION_CLASS && hypertables.has(oid))
      .map(({ dumpId }) => dumpId),
  );
  // At the start of a line, as pg_dump ends lines: a name may hold U+2028, at which `^` would match.
  const adapt = (entry: ArchiveEntry): ArchiveEntry =>
    entry.dependencies.some((id) => ids.has(id))
      ? { ...entry, sql: entry.sql.replaceAll(/(?<![^\n])ALTER TABLE ONLY /g, 'ALTER TABLE ') }
      : entry;
  return {
    preData: schema.preData.filter((entry) => !isExtension(entry)),
    postData: schema.postData.filter((entry) => !isTriggerOfExtension(entry)).map(adapt),
  };
}

function withoutChunks({ preData, postData }: SourceSchema, chunks: ReadonlySet<number>): SourceSchema {
  const left = new Set<number>();
  const stays = (entry: ArchiveEntry): boolean => {
    const isChunk = entry.classOid === RELATION_CLASS && chunks.has(entry.oid);
    if (!isChunk && !entry.dependencies.some((id) => left.has(id))) return true;
    left.add(entry.dumpId);
    return false;
  };
  return { preData: preData.filter(stays), postData: postData.filter(stays) };
}

export interface WithoutAggregates {
  readonly schema: SourceSchema;
  /** OIDs on the source of the aggregates that the dump holds. */
  readonly aggregates: ReadonlySet<number>;
  /** What stands on them, in this order: grants, comments, views, functions, indexes of materialized views. */
  readonly onAggregates: readonly ArchiveEntry[];
}

/**
 * Takes the views of continuous aggregates out of a dump, which shows them as views upon TimescaleDB's own tables, and with
 * them everything that needs them: that is made once they are.
 */
export function takeAggregatesOut(schema: SourceSchema, views: ReadonlySet<number>): WithoutAggregates {
  const isAggregate = ({ classOid, oid, type }: ArchiveEntry) =>
    classOid === RELATION_CLASS && type === 'VIEW' && views.has(oid);
  const ids = new Set<number>();
  const taken = new Set<number>();
  const aggregates = new Set<number>();
  const onAggregates: ArchiveEntry[] = [];
  // What depends on something comes behind it.
  for (const entry of [...schema.preData, ...schema.postData]) {
    if (isAggregate(entry)) {
      ids.add(entry.dumpId);
      aggregates.add(entry.oid);
    } else if (!entry.dependencies.some((id) => taken.has(id))) continue;
    taken.add(entry.dumpId);
    // One whose query needs a primary key is dumped twice: empty, and as a rule that says what it really is.
    const isItself = entry.type === 'RULE' && entry.dependencies.some((id) => ids.has(id)) && isReplacing(entry);
    if (!isAggregate(entry) && !isItself) onAggregates.push(entry);
  }
  const keep = ({ dumpId }: ArchiveEntry) => !taken.has(dumpId);
  return {
    schema: { preData: schema.preData.filter(keep), postData: schema.postData.filter(keep) },
    aggregates,
    onAggregates,
  };
}

const isReplacing = ({ sql }: ArchiveEntry): boolean => /^CREATE OR REPLACE VIEW /.test(sql);
