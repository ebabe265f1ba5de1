/** Both sides say the same thing in the same words only under the same settings; an empty search_path qualifies names. */
export const SESSION_SETTINGS = `
  SET DateStyle = 'ISO, YMD';
  SET IntervalStyle = 'postgres';
  SET TimeZone = 'UTC';
  SET extra_float_digits = 1;
  SET bytea_output = 'hex';
  SET lc_monetary = 'C';
  SET search_path = '';
  SET quote_all_identifiers = off;
  SET standard_conforming_strings = on;
  SET row_security = off;
  SET statement_timeout = 0;
  SET default_transaction_read_only = on`;

/** Namespaces that are the user's, of a pg_namespace called `n`. */
export const USER_SCHEMA = `n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tiger_migrate')`;

/** Not a member of an extension: those are compared as the extension. */
export const notOfExtension = (catalog: string, oid: string): string => `NOT EXISTS (
  SELECT FROM pg_depend x WHERE x.classid = '${catalog}'::regclass AND x.objid = ${oid} AND x.deptype = 'e')`;
