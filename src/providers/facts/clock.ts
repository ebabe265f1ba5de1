import { firstRow } from '../../postgres/query.ts';
import type { Fact } from '../fact.ts';

export interface ClockReading {
  /** From sending a trivial query to having its answer; the quicker of two. */
  readonly roundTripMs: number;
  /** The server's clock less this machine's, in ms; right to half a round trip. */
  readonly aheadMs: number;
}

/** One query: this machine's clock before and after, in ms since the epoch, and what the server's said between them. */
export interface Exchange {
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly serverAt: number;
}

/** The answer that came quickest tells most: the server looked at its clock about half way. */
export function readClock(exchanges: readonly [Exchange, ...Exchange[]]): ClockReading {
  const tripOf = ({ sentAt, answeredAt }: Exchange) => answeredAt - sentAt;
  const quickest = exchanges.reduce((best, one) => (tripOf(one) < tripOf(best) ? one : best));
  const roundTripMs = tripOf(quickest);
  return { roundTripMs, aheadMs: quickest.serverAt - (quickest.sentAt + roundTripMs / 2) };
}

/** In fractions of a millisecond, and never turned back between two readings. */
const thisMachine = (): number => performance.timeOrigin + performance.now();

/** How far away a server is and how its clock stands against `now`; two queries. */
export const clockAgainst = (now: () => number): Fact<ClockReading> => ({
  async read(client) {
    const exchange = async (): Promise<Exchange> => {
      const sentAt = now();
      const { at } = await firstRow<{ at: string }>(
        client,
        'SELECT extract(epoch FROM clock_timestamp()) * 1000 AS at',
      );
      return { sentAt, answeredAt: now(), serverAt: Number(at) };
    };
    const first = await exchange();
    return readClock([first, await exchange()]);
  },
});

export const clock = clockAgainst(thisMachine);
