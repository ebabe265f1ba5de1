import { z } from 'zod';
import { displayIdent, displayName } from '../../postgres/identifiers.ts';

/** A plain table of the source that is to be a hypertable on the target. */
export const hypertableOptionSchema = z.object({
  schema: z.string(),
  name: z.string(),
  /** What its rows are partitioned by: a time or an integer. */
  column: z.string(),
  /** Of a chunk: an interval of PostgreSQL's, or a whole number for integers; null: the default, 7 days. */
  interval: z.string().nullable().default(null),
  hash: z
    .object({ column: z.string(), partitions: z.number().int().min(1).max(32767) })
    .nullable()
    .default(null),
  /** Of the target, from the cut-over on; null: its chunks stay as they are. */
  compress: z
    .object({
      /** An interval of PostgreSQL's: chunks whose rows are all older are compressed. */
      after: z.string(),
      /** Rows with the same values are compressed together. */
      segmentby: z.array(z.string()),
    })
    .nullable()
    .default(null),
});
export type HypertableOption = z.infer<typeof hypertableOptionSchema>;

/** An identifier as SQL has it: quoted, or folded to lower case. */
const IDENT = String.raw`"(?:[^"]|"")+"|[^",.=:\s]+`;
/** One of several, with + between them. */
const ONE = String.raw`"(?:[^"]|"")+"|[^",.=:+\s]+`;
const OPTION = new RegExp(
  String.raw`^\s*(?:(${IDENT})\.)?(${IDENT})\s*=\s*(${IDENT})\s*(?:,(?!\s*(?:hash|compress):)([^,]*))?` +
    String.raw`(?:,\s*hash:(${IDENT}):(\d+)\s*)?(?:,\s*compress:([^,:]*[^,:\s])\s*(?::segmentby=(.+?))?\s*)?$`,
);
const SEGMENTS = new RegExp(String.raw`^(?:${ONE})(?:\s*\+\s*(?:${ONE}))*$`);

const plainName = (text: string): string =>
  text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text.toLowerCase();

/** Reads `public.metrics=time,7 days,hash:device_id:4,compress:30 days:segmentby=device_id`; null when it is not written so. */
export function parseHypertable(text: string): HypertableOption | null {
  const [, schema = 'public', name, column, interval, hash, partitions, after, segmentby] = OPTION.exec(text) ?? [];
  if (name === undefined || column === undefined) return null;
  if (segmentby !== undefined && !SEGMENTS.test(segmentby)) return null;
  const segments = segmentby?.match(new RegExp(ONE, 'g')) ?? [];
  const parsed = hypertableOptionSchema.safeParse({
    schema: plainName(schema),
    name: plainName(name),
    column: plainName(column),
    interval: interval?.trim() || null,
    hash: hash === undefined ? null : { column: plainName(hash), partitions: Number(partitions) },
    compress: after === undefined ? null : { after: after.trim(), segmentby: segments.map(plainName) },
  });
  return parsed.success ? parsed.data : null;
}

/** The same as text that `parseHypertable` reads. */
export const formatHypertable = ({ schema, name, column, interval, hash, compress }: HypertableOption): string =>
  [
    `${displayName({ schema, name })}=${displayIdent(column)}`,
    ...(interval === null ? [] : [interval]),
    ...(hash === null ? [] : [`hash:${displayIdent(hash.column)}:${hash.partitions}`]),
    ...(compress === null ? [] : [`compress:${compress.after}${segmentsOf(compress.segmentby)}`]),
  ].join(',');

const segmentsOf = (columns: readonly string[]): string =>
  columns.length === 0 ? '' : `:segmentby=${columns.map(displayIdent).join('+')}`;

/** The columns that decide in which chunk a row stands. */
export const partitionColumns = ({ column, hash }: HypertableOption): string[] =>
  hash === null ? [column] : [column, hash.column];

/** What is said of this table; undefined when it stays as it is. */
export const hypertableFor = (
  hypertables: readonly HypertableOption[],
  { schema, name }: { readonly schema: string; readonly name: string },
): HypertableOption | undefined => hypertables.find((one) => one.schema === schema && one.name === name);
