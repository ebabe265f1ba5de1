import type { TableState } from './events.ts';
import type { Progress } from './progress.ts';

type Table = Progress['tables'][string];

/** All chunks of a hypertable together, told as one table. */
export interface HypertableProgress {
  readonly hypertable: string;
  readonly chunks: { readonly total: number; readonly done: number; readonly damaged: number };
  /** In the state of the chunk that needs the eye first; since when is not said, a copy may have been resumed. */
  readonly table: Table;
}

/** What needs the eye first. */
export const STATE_ORDER: Readonly<Record<TableState, number>> = {
  damaged: 0,
  copying: 1,
  pending: 2,
  copied: 3,
  live: 3,
};

interface Sum {
  total: number;
  done: number;
  damaged: number;
  begun: boolean;
  state: TableState;
  bytes_total: number;
  bytes: number;
  rows: number;
  bytesDone: number;
}

/** The hypertables of which chunks are migrated, in the order of their first chunks. One look at each table. */
export function hypertableProgress(progress: Progress): Map<string, HypertableProgress> {
  const sums = new Map<string, Sum>();
  for (const table of Object.values(progress.tables)) {
    const { hypertable, state } = table;
    if (hypertable === undefined) continue;
    let sum = sums.get(hypertable);
    if (!sum) {
      sum = { total: 0, done: 0, damaged: 0, begun: false, state, bytes_total: 0, bytes: 0, rows: 0, bytesDone: 0 };
      sums.set(hypertable, sum);
    }
    sum.total += 1;
    if (state === 'copied' || state === 'live') sum.done += 1;
    if (state === 'damaged') sum.damaged += 1;
    if (state !== 'pending') sum.begun = true;
    if (STATE_ORDER[state] < STATE_ORDER[sum.state]) sum.state = state;
    sum.bytes_total += table.bytes_total;
    sum.bytes += table.bytes;
    sum.rows += table.rows;
    sum.bytesDone += table.bytes_total * table.done;
  }
  return new Map([...sums].map(([hypertable, sum]) => [hypertable, told(hypertable, sum)]));
}

function told(hypertable: string, sum: Sum): HypertableProgress {
  const { total, done, damaged, begun, state, bytes_total, bytes, rows, bytesDone } = sum;
  const share = bytes_total > 0 ? bytesDone / bytes_total : done / total;
  return {
    hypertable,
    chunks: { total, done, damaged },
    table: {
      // Between two chunks none may be under way: the whole is.
      state: state === 'pending' && begun ? 'copying' : state,
      bytes_total,
      bytes,
      rows,
      done: done === total ? 1 : Math.min(0.99, share),
      since: null,
      ms: null,
    },
  };
}
