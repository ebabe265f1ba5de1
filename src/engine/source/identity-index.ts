/**
 * What identifies rows in logical replication, in SQL over `pg_class c` and `pg_index i`.
 * https://www.postgresql.org/docs/current/logical-replication-publication.html
 */

/** SQL: no key column of index `i` is a generated column. Output plugins do not send those, or the target computes its own value. */
export const WITHOUT_GENERATED = `NOT EXISTS (SELECT FROM pg_catalog.pg_attribute ga WHERE ga.attrelid = i.indrelid
  AND ga.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) AND ga.attgenerated <> '')`;

/**
 * SQL: index `i` is the replica identity of table `c`, as PostgreSQL sees it. A deferrable or invalid index identifies nothing,
 * whatever the table says.
 */
export const NAMED_AS_IDENTITY = `i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
  AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END`;

/** SQL: index `i` is the replica identity of table `c`, and all of its columns are sent. */
export const IDENTIFIES = `${NAMED_AS_IDENTITY} AND ${WITHOUT_GENERATED}`;

/** SQL: table `c` has a virtual generated column. pgoutput does not publish those, not even on request. */
const HAS_VIRTUAL = `EXISTS (SELECT FROM pg_catalog.pg_attribute va WHERE va.attrelid = c.oid AND va.attgenerated = 'v' AND NOT va.attisdropped)`;

/**
 * SQL: UPDATE and DELETE of table `c` can be published. From 18 on the server refuses these statements while the identity has columns
 * that are not published: with FULL all columns are the identity.
 */
export const HAS_IDENTITY = `(CASE c.relreplident WHEN 'f' THEN NOT ${HAS_VIRTUAL} ELSE
  EXISTS (SELECT FROM pg_catalog.pg_index i WHERE ${IDENTIFIES}) END)`;

/** SQL: table `c` has a primary key that new partitions inherit, and with it an identity. */
export const GIVES_IDENTITY = `EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate
  AND ${WITHOUT_GENERATED})`;
