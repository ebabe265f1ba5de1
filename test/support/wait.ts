import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until a condition gives something truthy, and gives that. The tests' only way to wait: they name what they wait
 * for, and go on the moment it is there. A condition that throws counts as "not yet"; its error is told in the end.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 120_000, what = 'the condition' }: { readonly timeoutMs?: number; readonly what?: string } = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  let pauseMs = 5;
  for (;;) {
    let reason: unknown;
    try {
      const result = await condition();
      if (result) return result;
    } catch (error) {
      reason = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, reason === undefined ? {} : { cause: reason });
    }
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * 2, 100);
  }
}
