import type { Check, CheckOutcome } from '../check.ts';
import type { Fact } from '../fact.ts';
import { type ClockReading, clock } from '../facts/clock.ts';
import { formatDuration, pass, warn } from '../outcome.ts';

const MOST_SKEW_MS = 5_000;
const MOST_ROUND_TRIP_MS = 50;

interface Sides<T> {
  readonly source: T;
  readonly target: T;
}

/** `aheadMs` of both servers against this machine. */
export function clocksOutcome({ source, target }: Sides<number>): CheckOutcome {
  const against = (name: string, ahead: number): string | null => {
    if (Math.abs(ahead) <= MOST_SKEW_MS) return null;
    return `the clock of the ${name} is ${formatDuration(Math.abs(ahead) / 1000)} ${ahead > 0 ? 'ahead of' : 'behind'} this machine's`;
  };
  const apart = target - source;
  const found = [
    against('source', source),
    against('target', target),
    ...(Math.abs(apart) > MOST_SKEW_MS
      ? [
          `the target is ${formatDuration(Math.abs(apart) / 1000)} ${apart > 0 ? 'ahead of' : 'behind'} the source: now() jumps ${apart > 0 ? 'on' : 'back'} by as much at the cut-over`,
        ]
      : []),
  ].filter((sentence) => sentence !== null);
  if (found.length > 0) return warn(found.join('; '));
  const most = Math.max(Math.abs(source), Math.abs(target), Math.abs(apart));
  return pass(`no two of this machine, source and target are more than ${Math.ceil(most / 1000)} s apart`);
}

/** With the clock to compare with. */
export const clockSkew = (reading: Fact<ClockReading>): Check => ({
  id: 'local-clock',
  side: 'local',
  title: 'Clocks',
  severity: 'warn',
  wanted: 'this machine, source and target within 5 s of each other',
  why: 'No row depends on it. But now() jumps for the application when it goes over to the target, times in our log and in those of the servers do not fit together, and a clock that is far off makes TLS certificates look expired.',
  fix: 'Switch on time synchronisation where the clock is wrong: timedatectl set-ntp true, then look with timedatectl status; of a managed server tell its support.',
  async run({ ask }) {
    const [source, target] = [await ask('source', reading), await ask('target', reading)];
    return clocksOutcome({ source: source.aheadMs, target: target.aheadMs });
  },
});

export const clocks = clockSkew(clock);

/** From the round trips in ms. */
export function roundTripOutcome({ source, target }: Sides<number>): CheckOutcome {
  const shown = (ms: number) => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0));
  const found = `${shown(source)} ms to the source, ${shown(target)} ms to the target`;
  const far = [...(source > MOST_ROUND_TRIP_MS ? ['source'] : []), ...(target > MOST_ROUND_TRIP_MS ? ['target'] : [])];
  if (far.length === 0) return pass(found);
  return warn(found, {
    fix: `Run this program on a machine in the region of the ${far.join(' and of the ')}${far.length === 1 ? ', or at least between both servers' : ''}: a virtual machine there with as many CPUs as the target.`,
  });
}

export const roundTrips: Check = {
  id: 'local-round-trip',
  side: 'local',
  title: 'Way to both servers',
  severity: 'warn',
  wanted: '50 ms or less to each',
  why: 'All rows pass through this machine, and replay waits for the target after every batch: on a long way the copy is slower, and replay may not keep up with the application.',
  fix: 'Run this program on a machine in the same region as both servers.',
  async run({ ask }) {
    const [source, target] = [await ask('source', clock), await ask('target', clock)];
    return roundTripOutcome({ source: source.roundTripMs, target: target.roundTripMs });
  },
};
