import type pg from 'pg';

const CATALOGS = [
  ...[
    'pg_proc',
    'pg_aggregate',
    'pg_operator',
    'pg_opclass',
    'pg_opfamily',
    'pg_amop',
    'pg_amproc',
    'pg_cast',
    'pg_transform',
  ],
  ...[
    'pg_language',
    'pg_am',
    'pg_conversion',
    'pg_event_trigger',
    'pg_type',
    'pg_enum',
    'pg_collation',
    'pg_namespace',
    'pg_extension',
  ],
  ...[
    'pg_rewrite',
    'pg_constraint',
    'pg_index',
    'pg_trigger',
    'pg_policy',
    'pg_attrdef',
    'pg_sequence',
    'pg_statistic_ext',
    'pg_inherits',
  ],
  ...[
    'pg_ts_parser',
    'pg_ts_template',
    'pg_ts_dict',
    'pg_ts_config',
    'pg_ts_config_map',
    'pg_foreign_data_wrapper',
    'pg_foreign_server',
  ],
  ...['pg_foreign_table', 'pg_default_acl', 'pg_description'],
];

/** Sums over the row versions of catalogs. ANALYZE and VACUUM update rows of pg_class and pg_index in place, which changes no version. */
const FINGERPRINT = `SELECT concat_ws(' ',
  (SELECT sum(hashtextextended(concat_ws('/', c.oid, c.xmin), 0)) FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'i', 'I')),
  (SELECT sum(hashtextextended(concat_ws('/', a.attrelid, a.attnum, a.xmin), 0)) FROM pg_attribute a WHERE a.attnum > 0),
  ${CATALOGS.map((name) => `(SELECT sum(hashtextextended(concat_ws('/', c.ctid, c.xmin), 0)) FROM pg_catalog.${name} c)`).join(',\n  ')}) AS fingerprint`;

/** Changes with every DDL statement. Definitions are read again only when it has changed. */
export async function definitionsFingerprint(source: pg.Client): Promise<string> {
  const { rows } = await source.query<{ fingerprint: string }>(FINGERPRINT);
  return rows[0]?.fingerprint ?? '';
}
