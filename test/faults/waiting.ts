import { expect } from 'vitest';
import type { Migration } from '../scenarios/whole/migration.ts';

/** What tests of faults wait for. */
export interface Waiting {
  /** Something fails in a way that somebody must mend, and is told so. */
  fails(what: RegExp, trouble: Readonly<Record<string, unknown>> & { readonly code: string }): Promise<void>;
  /** Nothing is tried again any more. */
  well(): Promise<void>;
  /** From now on, all was applied at some moment. */
  caughtUp(): Promise<void>;
  /** The fence is up, and the drain waits. */
  drains(): Promise<void>;
}

export const waitingFor = (migration: Migration): Waiting => ({
  async fails(what, trouble) {
    const isIt = (one: { what: string; code: string }) => what.test(one.what) && one.code === trouble.code;
    await migration.until(() => migration.troubles.some(isIt), `${trouble.code}: ${what}`);
    expect(migration.troubles).toContainEqual(
      expect.objectContaining({
        what: expect.stringMatching(what),
        policy: 'operator',
        hint: expect.stringContaining('goes on by itself'),
        since: expect.stringMatching(/^\d{4}-/),
        ...trouble,
      }),
    );
  },
  well: () => migration.until(() => migration.troubles.length === 0, 'no trouble to be left'),
  async caughtUp() {
    const from = migration.events.length;
    await migration.until(
      () => migration.events.slice(from).some((event) => event.type === 'gate' && event.id === 'caught-up' && event.ok),
      'replay to catch up',
    );
  },
  drains: () =>
    migration.until(
      () => migration.of('cutover').some(({ step, state }) => step === 'drain' && state === 'running'),
      'the fence',
    ),
});
