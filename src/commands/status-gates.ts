import { lockingGates } from '../engine/cutover/gates.ts';
import type { Progress } from '../engine/progress.ts';

/** The conditions of the cut-over as the engine sees them at this moment; nothing when it does not run or does not replay. */
export function gateLines({ phase, gates }: Progress, pid: number | null): string[] {
  if (pid === null || phase !== 'replay' || gates.length === 0) return [];
  const isLocked = lockingGates(gates, false).length > 0;
  return [
    isLocked ? 'The cut-over is locked:' : 'The cut-over can begin: all its conditions are met.',
    ...(isLocked ? gates : []).map(
      ({ title, ok, detail }) => `  ${ok ? 'met' : 'not met'}: ${title}${detail === '' ? '' : `: ${detail}`}`,
    ),
  ];
}
