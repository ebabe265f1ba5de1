import type pg from 'pg';
import { errorCode } from '../../postgres/connection-errors.ts';

/** A name of the operator's that has more bytes in UTF8 than PostgreSQL keeps of a name. */
export interface LongName {
  readonly kind: string;
  /** In UTF8, whole. */
  readonly name: string;
  /** The table that it belongs to, or is; null: none. */
  readonly relation: string | null;
}

/** A definition that has a character which UTF8 does not have, as the server's encoding says. */
export interface Unconvertible {
  readonly kind: string;
  /** The object, its bytes beyond ASCII as octal numbers. */
  readonly object: string;
  readonly message: string;
}

/** Objects that were made after initdb. */
const OURS = (catalog: string): string => `${catalog}.oid >= 16384`;

/** kind, name, OID of its table. An enum label and the name of an argument are cut as names are. */
const NAMES = `
  SELECT 'schema' AS kind, nspname::text AS name, NULL::oid AS relation FROM pg_namespace WHERE ${OURS('pg_namespace')}
  UNION ALL SELECT CASE relkind WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'c' THEN 'type'
      WHEN 'm' THEN 'materialized view' ELSE 'table' END, relname, coalesce((SELECT indrelid FROM pg_index WHERE indexrelid = pg_class.oid), pg_class.oid)
    FROM pg_class WHERE ${OURS('pg_class')} AND relkind <> 't' AND relpersistence <> 't' AND relname !~ '^pg_toast_'
  UNION ALL SELECT 'column', a.attname, a.attrelid FROM pg_attribute a JOIN pg_class ON pg_class.oid = a.attrelid
    WHERE ${OURS('pg_class')} AND a.attnum > 0 AND NOT a.attisdropped AND relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
  UNION ALL SELECT 'type', typname, NULL FROM pg_type WHERE ${OURS('pg_type')} AND typrelid = 0 AND typcategory <> 'A'
  UNION ALL SELECT 'label', enumlabel, NULL FROM pg_enum WHERE ${OURS('pg_enum')}
  UNION ALL SELECT 'function', proname, NULL FROM pg_proc WHERE ${OURS('pg_proc')}
  UNION ALL SELECT 'argument', arg, NULL FROM pg_proc, unnest(proargnames) arg WHERE ${OURS('pg_proc')}
  UNION ALL SELECT 'constraint', conname, nullif(conrelid, 0) FROM pg_constraint WHERE ${OURS('pg_constraint')}
  UNION ALL SELECT 'trigger', tgname, tgrelid FROM pg_trigger WHERE ${OURS('pg_trigger')} AND NOT tgisinternal
  UNION ALL SELECT 'policy', polname, polrelid FROM pg_policy
  UNION ALL SELECT 'rule', rulename, ev_class FROM pg_rewrite WHERE ${OURS('pg_rewrite')} AND rulename <> '_RETURN'
  UNION ALL SELECT 'statistics object', stxname, stxrelid FROM pg_statistic_ext
  UNION ALL SELECT 'collation', collname, NULL FROM pg_collation WHERE ${OURS('pg_collation')}
  UNION ALL SELECT 'operator class', opcname, NULL FROM pg_opclass WHERE ${OURS('pg_opclass')}
  UNION ALL SELECT 'operator family', opfname, NULL FROM pg_opfamily WHERE ${OURS('pg_opfamily')}
  UNION ALL SELECT 'conversion', conname, NULL FROM pg_conversion WHERE ${OURS('pg_conversion')}
  UNION ALL SELECT 'text search configuration', cfgname, NULL FROM pg_ts_config WHERE ${OURS('pg_ts_config')}
  UNION ALL SELECT 'text search dictionary', dictname, NULL FROM pg_ts_dict WHERE ${OURS('pg_ts_dict')}
  UNION ALL SELECT 'event trigger', evtname, NULL FROM pg_event_trigger
  UNION ALL SELECT 'foreign-data wrapper', fdwname, NULL FROM pg_foreign_data_wrapper
  UNION ALL SELECT 'foreign server', srvname, NULL FROM pg_foreign_server`;

/** kind, name of the object, and a text of its definition: what pg_dump reads. */
const DEFINITIONS = `
  SELECT kind, name, name AS definition FROM (${NAMES}) names
  UNION ALL SELECT 'function', proname, prosrc FROM pg_proc WHERE ${OURS('pg_proc')}
  UNION ALL SELECT 'function', proname, pg_get_function_arguments(pg_proc.oid) FROM pg_proc WHERE ${OURS('pg_proc')} AND prokind <> 'a'
  UNION ALL SELECT 'comment', coalesce(objoid::regclass::text, objoid::text), description FROM pg_description WHERE objoid >= 16384
  UNION ALL SELECT 'default', adrelid::regclass::text, pg_get_expr(adbin, adrelid) FROM pg_attrdef
  UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(pg_constraint.oid) FROM pg_constraint WHERE ${OURS('pg_constraint')}
  UNION ALL SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indexrelid >= 16384 AND (indexprs IS NOT NULL OR indpred IS NOT NULL)
  UNION ALL SELECT 'view', pg_class.oid::regclass::text, pg_get_viewdef(pg_class.oid) FROM pg_class WHERE ${OURS('pg_class')} AND relkind IN ('v', 'm')
  UNION ALL SELECT 'rule', rulename, pg_get_ruledef(pg_rewrite.oid) FROM pg_rewrite WHERE ${OURS('pg_rewrite')} AND rulename <> '_RETURN'
  UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger WHERE ${OURS('pg_trigger')} AND NOT tgisinternal
  UNION ALL SELECT 'policy', polname, concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM pg_policy
  UNION ALL SELECT 'domain', typname, typdefault FROM pg_type WHERE ${OURS('pg_type')} AND typtype = 'd'
  UNION ALL SELECT 'text search dictionary', dictname, dictinitoption FROM pg_ts_dict WHERE ${OURS('pg_ts_dict')}
  UNION ALL SELECT 'foreign server', srvname, srvoptions::text FROM pg_foreign_server
  UNION ALL SELECT 'foreign table', ftrelid::regclass::text, ftoptions::text FROM pg_foreign_table
  UNION ALL SELECT 'partition bound', pg_class.oid::regclass::text, pg_get_expr(relpartbound, pg_class.oid) FROM pg_class WHERE ${OURS('pg_class')} AND relpartbound IS NOT NULL
  UNION ALL SELECT 'setting', setrole::regrole::text, setconfig::text FROM pg_db_role_setting
    WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))`;

/** PostgreSQL keeps 63 bytes of a name. */
export async function readLongNames(source: pg.Client): Promise<readonly LongName[]> {
  const { rows } = await source.query<{ kind: string; name: string; relation: string | null }>(
    `SELECT kind, name, relation::text AS relation FROM (${NAMES}) n
      WHERE octet_length(convert_to(name, 'UTF8')) > 63 ORDER BY 1, 2`,
  );
  return rows;
}

/** untranslatable_character, character_not_in_repertoire */
const NO_EQUIVALENT = new Set(['22P05', '22021']);

/** Whether a server refuses to write a text in another encoding. */
export const isNotConvertible = (error: unknown): boolean => NO_EQUIVALENT.has(errorCode(error));

/** The first definition that can't be written in UTF8; null when all can. */
export async function findUnconvertible(source: pg.Client): Promise<Unconvertible | null> {
  /** Looks at the definitions whose numbers, in a fixed order, are from `from` on and below `to`. */
  const convert = async (from: number, to: number): Promise<string | null> => {
    try {
      await source.query(
        `SELECT sum(length(convert_to(definition, 'UTF8'))) FROM (${NUMBERED}) d WHERE n >= $1 AND n < $2`,
        [from, to],
      );
      return null;
    } catch (error) {
      if (!isNotConvertible(error)) throw error;
      return error instanceof Error ? error.message : String(error);
    }
  };
  const counted = await source.query<{ n: string }>(`SELECT count(*) + 1 AS n FROM (${DEFINITIONS}) d`);
  let [from, to] = [1, Number(counted.rows[0]?.n)];
  let message = await convert(from, to);
  if (message === null) return null;
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    const found = await convert(from, middle);
    if (found === null) from = middle;
    else [to, message] = [middle, found];
  }
  const { rows } = await source.query<{ kind: string; object: string }>(
    `SELECT kind, encode(convert_to(name, current_setting('server_encoding')), 'escape') AS object FROM (${NUMBERED}) d WHERE n = $1`,
    [from],
  );
  return { kind: rows[0]?.kind ?? 'object', object: rows[0]?.object ?? '', message };
}

const NUMBERED = `SELECT *, row_number() OVER (ORDER BY kind COLLATE "C", name COLLATE "C", definition COLLATE "C") AS n FROM (${DEFINITIONS}) all_definitions`;
