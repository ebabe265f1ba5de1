/** SQL for a value of so many megabytes that no compression makes smaller. */
export const bytea = (mb: number): string =>
  `(SELECT string_agg(decode(md5(g::text || random()::text), 'hex'), ''::bytea) FROM generate_series(1, ${mb * 65_536}) g)`;

/** The same as text. */
export const text = (mb: number): string =>
  `(SELECT string_agg(md5(g::text || random()::text), '') FROM generate_series(1, ${mb * 32_768}) g)`;
