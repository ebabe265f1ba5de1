import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { planDatabase } from '../soak/definitions/plan.ts';
import { migrateDatabase } from '../soak/definitions/round.ts';
import { startPair } from '../soak/definitions/servers.ts';

/** `SEED=70 npx vitest run …` takes others; `npm run soak:definitions` does many. */
const FIRST = Number(process.env.SEED ?? 1);
const SEEDS = [FIRST, FIRST + 1, FIRST + 2];

test(`databases with objects of every kind, strange names and odd settings (seeds ${SEEDS.join(', ')}): equal, or refused by check`, {
  timeout: 600_000,
}, async () => {
  await using pair = await startPair();
  const outcomes: string[] = [];
  for (const seed of SEEDS) {
    const { failures, kept, refused } = await migrateDatabase(
      planDatabase(seed),
      pair,
      join(inject('compiled'), 'cli.js'),
    );
    expect(failures, `seed ${seed}, kept in ${kept}`).toEqual([]);
    outcomes.push(refused === null ? 'equal' : 'refused');
  }
  expect(outcomes).toContain('equal');
});
