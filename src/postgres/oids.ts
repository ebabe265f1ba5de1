/** Objects with an OID below are the server's own. https://www.postgresql.org/docs/current/system-catalog-initial-data.html#SYSTEM-CATALOG-OID-ASSIGNMENT */
export const FIRST_NORMAL_OID = 16_384;
