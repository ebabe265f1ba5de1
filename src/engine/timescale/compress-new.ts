import { displayName, qualified, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { type CompressionSettings, compressing } from './compression-settings.ts';
import type { HypertableOption } from './hypertable-option.ts';
import { attempt, type MakeJobsOptions } from './make-jobs.ts';

type Compressed = HypertableOption & { readonly compress: NonNullable<HypertableOption['compress']> };

/** The newest rows of a segment come first: they are what is asked for most. */
export const settingsOf = ({ schema, name, column, compress }: Compressed): CompressionSettings => ({
  schema,
  name,
  isAggregate: false,
  segmentby: compress.segmentby.length === 0 ? null : compress.segmentby.map(quoteIdent).join(', '),
  orderby: `${quoteIdent(column)} DESC`,
  interval: null,
});

/** https://docs.tigerdata.com/api/latest/compression/add_compression_policy/ */
export const addingPolicy = ({ schema, name, compress }: Compressed, extension: string): string =>
  `SELECT ${quoteIdent(extension)}.add_compression_policy(${quoteLiteral(qualified({ schema, name }))}::regclass, ` +
  `compress_after => ${quoteLiteral(compress.after)}::interval, if_not_exists => true)`;

/**
 * Gives plain tables that have become hypertables the compression that was chosen for them. Its policy compresses what is old
 * enough, in the background, once the transaction is committed. Gives how many got it.
 */
export async function compressNew(
  options: MakeJobsOptions,
  hypertables: readonly HypertableOption[],
  extension: string,
): Promise<number> {
  let made = 0;
  for (const one of hypertables) {
    const { compress } = one;
    if (compress === null) continue;
    const wanted = { ...one, compress };
    const done = await attempt(options, `compression of ${displayName(one)}`, async () => {
      await options.target.query(compressing(settingsOf(wanted)));
      await options.target.query(addingPolicy(wanted, extension));
    });
    if (done) made += 1;
  }
  return made;
}
