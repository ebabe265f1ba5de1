import { join } from 'node:path';
import { planDatabase } from './plan.ts';
import { migrateDatabase } from './round.ts';
import { startPair } from './servers.ts';

/**
 * Migrates random databases with objects of every kind, strange names, several encodings and odd settings, one after the other.
 * Each must arrive equal, or be refused by `check` before anything is made.
 *
 *     npm run soak:definitions -- [databases, default 200] [seed, default 1]
 *
 * Database `n` has the seed `seed + n - 1`. Ends with 1 when anything differs; what it needs to look into is kept.
 */
const count = Number(process.argv[2] ?? 200);
const first = Number(process.argv[3] ?? 1);
if (![count, first].every(Number.isInteger)) throw new Error('usage: npm run soak:definitions -- [databases] [seed]');

const cli = join(import.meta.dirname, '..', '..', '..', 'src', 'cli.js');
const say = (text: string) => process.stdout.write(`${text}\n`);
const failed: number[] = [];
let refusals = 0;
await using pair = await startPair();
for (let seed = first; seed < first + count; seed += 1) {
  const plan = planDatabase(seed);
  const result = await migrateDatabase(plan, pair, cli);
  if (result.refused !== null) refusals += 1;
  const outcome = result.failures.length > 0 ? 'FAILED' : result.refused === null ? 'equal' : 'refused';
  say(`seed ${seed}, ${plan.encoding}, ${plan.kinds.length} kinds: ${outcome} ${result.refused ?? ''}`);
  if (result.failures.length === 0) continue;
  failed.push(seed);
  say(result.failures.map((failure) => `  - ${failure.replaceAll('\n', '\n    ').slice(0, 1500)}`).join('\n'));
  say(`  kept: ${result.kept}; again: npm run soak:definitions -- 1 ${seed}`);
}
say(
  `${count} databases: ${count - refusals - failed.length} equal, ${refusals} refused by check, ${failed.length} failed`,
);
if (failed.length > 0) say(`FAILED seeds: ${failed.join(' ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
