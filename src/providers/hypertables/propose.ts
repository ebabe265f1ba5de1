/** A table of the source with a time that leads an index. */
export interface Candidate {
  readonly schema: string;
  readonly name: string;
  /** The time columns that lead an index, in the table's order. */
  readonly columns: readonly string[];
  /** Of the table, without indexes. */
  readonly bytes: number;
  readonly rows: number;
  readonly inserted: number;
  /** Updates and deletes. */
  readonly changed: number;
  /** Seconds between the first and the last time of its first column; null: not known. */
  readonly seconds: number | null;
  /** Of indexes with that column behind others: those in front of it, each with how many values it has (null: not known). */
  readonly inFront: readonly (readonly { readonly name: string; readonly values: number | null }[])[];
}

export interface Proposal extends Candidate {
  readonly column: string;
  readonly interval: string;
  /** How its chunks may be compressed on the target. */
  readonly compress: { readonly after: string; readonly segmentby: readonly string[] };
  /** Worth being a hypertable by size and by how it is written. */
  readonly recommended: boolean;
  /** Why, or why not, in a few words. */
  readonly why: string;
}

const MIB = 1024 ** 2;
const DAY = 86_400;
/** Below, chunks save nothing. */
const WORTH_BYTES = 100 * MIB;
/** So many of a hundred writes may be other than inserts. */
const MOSTLY = 0.1;
const DEFAULT_INTERVAL = '7 days';

/** Chunks, in seconds, and from which age on they may be compressed: when they are rarely written any more. */
const INTERVALS: readonly (readonly [string, number, string])[] = [
  ['30 days', 30 * DAY, '90 days'],
  ['7 days', 7 * DAY, '30 days'],
  ['1 day', DAY, '7 days'],
  ['12 hours', DAY / 2, '7 days'],
  ['4 hours', DAY / 6, '3 days'],
  ['1 hour', DAY / 24, '1 day'],
];
/** Rows are compressed by the thousand; a segment with fewer than so many in a chunk gains little. */
const WORTH_SEGMENT = 100;

/**
 * The length of a chunk with which the newest chunks of all these tables fit into a quarter of the target's memory together;
 * 7 days where no rate is known. https://docs.tigerdata.com/use-timescale/latest/hypertables/improve-query-performance/
 */
export function chunkInterval(bytesPerSecond: number, quarterOfMemory: number): string {
  if (!(bytesPerSecond > 0)) return DEFAULT_INTERVAL;
  const seconds = quarterOfMemory / bytesPerSecond;
  return (INTERVALS.find(([, length]) => length <= seconds) ?? INTERVALS.at(-1))?.[0] ?? DEFAULT_INTERVAL;
}

/**
 * The columns in front of the time of an index whose values are so few that a chunk has many rows of each: what a query names, and then
 * looks for times. https://docs.tigerdata.com/use-timescale/latest/compression/manual-compression/
 */
export function segmentsFor({ rows, seconds, inFront }: Candidate, chunkSeconds: number): readonly string[] {
  const ofChunk = seconds === null || seconds <= chunkSeconds ? rows : (rows * chunkSeconds) / seconds;
  const fits = (columns: Candidate['inFront'][number]): boolean => {
    const values = columns.reduce((product, one) => product * (one.values ?? Number.POSITIVE_INFINITY), 1);
    return ofChunk / values >= WORTH_SEGMENT;
  };
  const [best = []] = inFront
    .filter((columns) => columns.length > 0 && fits(columns))
    .sort((a, b) => b.length - a.length);
  return best.map(({ name }) => name);
}

const rateOf = ({ bytes, seconds }: Candidate): number => (seconds === null || seconds <= 0 ? 0 : bytes / seconds);

/** Proposes hypertables, the recommended ones first, the biggest of them before the others. */
export function propose(candidates: readonly Candidate[], quarterOfMemory: number): Proposal[] {
  const judged = candidates.map((candidate) => ({ candidate, ...judge(candidate) }));
  const active = judged.filter(({ recommended }) => recommended);
  const together = active.reduce((sum, { candidate }) => sum + rateOf(candidate), 0);
  return judged
    .flatMap(({ candidate, recommended, why }) => {
      const [column] = candidate.columns;
      if (column === undefined) return [];
      const known = rateOf(candidate) > 0;
      const rate = recommended ? together : together + rateOf(candidate);
      const interval = chunkInterval(known ? rate : 0, quarterOfMemory);
      const [, length = 0, after = '30 days'] = INTERVALS.find(([text]) => text === interval) ?? [];
      const compress = { after, segmentby: segmentsFor(candidate, length) };
      return [{ ...candidate, column, interval, compress, recommended, why }];
    })
    .sort((a, b) => Number(b.recommended) - Number(a.recommended) || b.bytes - a.bytes);
}

function judge({ bytes, inserted, changed }: Candidate): { recommended: boolean; why: string } {
  const writes = inserted + changed;
  if (bytes < WORTH_BYTES) return { recommended: false, why: 'small' };
  if (writes === 0) return { recommended: true, why: 'big; no writes counted' };
  const share = changed / writes;
  const percent = `${Math.round(share * 100)} % of its writes change rows`;
  return share <= MOSTLY ? { recommended: true, why: `big; ${percent}` } : { recommended: false, why: percent };
}
