import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import type { CopyPart } from './parts.ts';

/** The two statements of a part. `freeze`: the table was truncated in the same transaction. */
export function copyStatements(
  part: CopyPart,
  target: { schema: string; name: string },
  freeze: boolean,
): { out: string; into: string } {
  const columns = part.table.columns.filter((column) => !column.generated);
  const list = columns.map((column) => quoteIdent(column.name)).join(', ');
  const binary = columns.length > 0 && columns.every((column) => column.binarySafe);
  const source = qualified(part.table);
  const inList = columns.length > 0 ? ` (${list})` : '';
  const format = binary ? ['FORMAT binary'] : [];
  const outOptions = format.length > 0 ? ` WITH (${format.join(', ')})` : '';
  const intoOptions = [...format, ...(freeze ? ['FREEZE'] : [])];
  const into = `COPY ${qualified(target)}${inList} FROM STDIN${intoOptions.length > 0 ? ` WITH (${intoOptions.join(', ')})` : ''}`;
  // What a chunk has compressed stands elsewhere: COPY of the table, and ONLY, would leave that out without a word.
  if (part.table.kind === 'chunk' && part.pages === null) {
    return { out: `COPY (SELECT ${list} FROM ${source}) TO STDOUT${outOptions}`, into };
  }
  if (part.pages === null) return { out: `COPY ${source}${inList} TO STDOUT${outOptions}`, into };
  const { from, to } = part.pages;
  // The planner looks at the expressions of the table's indexes: they want the operator's search_path.
  const upper = to === null ? '' : ` AND ctid OPERATOR(pg_catalog.<) '(${to},0)'::pg_catalog.tid`;
  return {
    out: `COPY (SELECT ${list} FROM ONLY ${source} WHERE ctid OPERATOR(pg_catalog.>=) '(${from},0)'::pg_catalog.tid${upper}) TO STDOUT${outOptions}`,
    into,
  };
}

/** The side of a pipe that failed, with the server's error. */
export class PipeError extends Error {
  readonly side: 'source' | 'target';
  constructor(side: 'source' | 'target', cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.side = side;
  }
}

/**
 * Moves the bytes of one COPY into another. Resolves with bytes and rows that arrived. After a rejection both
 * connections are in an unknown state and must be destroyed: the side that did not fail would wait for ever. `behind` is what is asked
 * of the source next.
 */
export async function pipeCopy(
  source: pg.Client,
  target: pg.Client,
  statements: { out: string; into: string; behind?: string },
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<{ bytes: number; rows: number }> {
  let bytes = 0;
  const out = source.query(copyTo(statements.out));
  const into = target.query(copyFrom(statements.into));
  let failed: 'source' | 'target' | null = null;
  out.once('error', () => {
    failed ??= 'source';
  });
  into.once('error', () => {
    failed ??= 'target';
  });
  try {
    await pipeline(
      out,
      async function* count(chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          bytes += chunk.length;
          onBytes(chunk.length);
          yield chunk;
        }
      },
      into,
      { signal },
    );
  } catch (error) {
    throw signal.aborted ? error : new PipeError(failed ?? 'source', error);
  }
  // The source's own count comes behind its data; whatever is asked next is answered after it.
  await source.query(statements.behind ?? 'SELECT 1').catch((error: unknown) => {
    throw new PipeError('source', error);
  });
  if (out.rowCount !== into.rowCount) {
    throw new PipeError('target', new Error(`${out.rowCount} rows were sent and ${into.rowCount} arrived`));
  }
  return { bytes, rows: into.rowCount };
}
