import type { ArchiveEntry } from '../schema/archive.ts';
import type { SourceSchema } from '../schema/dump.ts';

/** pg_class */
const RELATION_CLASS = 1259;

/** Only rights of a superuser make it, and the target has its own, perhaps newer. */
const isExtension = ({ type, name }: ArchiveEntry): boolean => type === 'EXTENSION' && name === 'timescaledb';

/**
 * The dump's statements for tables that are hypertables by the time they run: those refuse `ONLY`, for what is said of them holds for
 * their chunks as well.
 */
export function adaptToHypertables(schema: SourceSchema, hypertables: ReadonlySet<number>): SourceSchema {
  if (hypertables.size === 0) return schema;
  const ids = new Set(
    schema.preData
      .filter(({ classOid, oid }) => classOid === RELATION_CLASS && hypertables.has(oid))
      .map(({ dumpId }) => dumpId),
  );
  const adapt = (entry: ArchiveEntry): ArchiveEntry =>
    entry.dependencies.some((id) => ids.has(id))
      ? { ...entry, sql: entry.sql.replaceAll(/^ALTER TABLE ONLY /gm, 'ALTER TABLE ') }
      : entry;
  return { preData: schema.preData.filter((entry) => !isExtension(entry)), postData: schema.postData.map(adapt) };
}
