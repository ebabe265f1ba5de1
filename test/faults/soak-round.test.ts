import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { planRound, SMALL } from '../soak/plan.ts';
import { runRound } from '../soak/round.ts';
import { Tally } from '../soak/tally.ts';

/** `SEED=7 npx vitest run …` does something else; `npm run soak` does many. */
const SEED = Number(process.env.SEED ?? 10);

test(`a small round of the soak (seed ${SEED}): random database, writes and faults, and all equal`, {
  timeout: 600_000,
}, async () => {
  const tally = new Tally();
  const plan = planRound(SEED, SMALL, false);
  const { failures, kept } = await runRound({ plan, cli: join(inject('compiled'), 'cli.js'), tally, onStep: () => {} });
  expect(failures, `kept in ${kept}`).toEqual([]);
  expect(tally.transactions).toBeGreaterThan(100);
  expect([...tally.faults.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
});
