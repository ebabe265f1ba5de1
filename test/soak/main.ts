import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FULL, planRound } from './plan.ts';
import { runRound } from './round.ts';
import { spellCounts, Tally } from './tally.ts';

/**
 * Migrates random databases under random writes and random faults, one after the other, and compares.
 *
 *     npm run soak -- [minutes, default 30] [seed, default by the clock] [--rounds N] [--one-writer]
 *
 * Round `n` has the seed `seed + n - 1`. Ends with 1 when anything differs; what it needs to look into is kept.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' }, 'one-writer': { type: 'boolean', default: false } },
});
const rounds = values.rounds === undefined ? Number.POSITIVE_INFINITY : Number(values.rounds);
const minutes = Number(positionals[0] ?? 30);
const seed = Number(positionals[1] ?? Date.now() % 1_000_000);
if (![minutes, seed].every(Number.isFinite) || Number.isNaN(rounds))
  throw new Error('usage: npm run soak -- [minutes] [seed] [--rounds N] [--one-writer]');

const PROGRESS_MS = 10_000;
const cli = join(import.meta.dirname, '..', '..', 'src', 'cli.js');
const started = performance.now();
const total = new Tally();
const failed: string[] = [];
let round = 0;
let current = new Tally();
let step = '';
const elapsed = () => `${Math.round((performance.now() - started) / 1000)} s`;
const say = (text: string) => process.stdout.write(`${elapsed().padStart(6)} ${text}\n`);
const progress = setInterval(
  () =>
    say(
      `round ${round}, ${step}; ${total.transactions + current.transactions} transactions, ${failed.length} failures`,
    ),
  PROGRESS_MS,
);

while (round < rounds && performance.now() - started < minutes * 60_000) {
  round += 1;
  const roundSeed = seed + round - 1;
  const plan = planRound(roundSeed, FULL, values['one-writer']);
  say(
    `round ${round}, seed ${roundSeed}: ${plan.schema.tables.length} tables, ${plan.sessions.length} writers, ${plan.args.join(' ')}; faults: ${plan.faults.map(({ phase, name }) => `${phase}: ${name}`).join(', ')}`,
  );
  const result = await runRound({
    plan,
    cli,
    tally: current,
    onStep: (text) => {
      step = text;
    },
  });
  total.add(current);
  current = new Tally();
  if (result.failures.length === 0) continue;
  failed.push(`round ${round}, seed ${roundSeed}`);
  say(
    `FAILED round ${round}\n${result.failures.map((failure) => `  - ${failure.replaceAll('\n', '\n    ')}`).join('\n')}`,
  );
  say(
    `kept: ${result.kept}\n       again: npm run soak -- ${minutes} ${roundSeed} --rounds 1${values['one-writer'] ? ' --one-writer' : ''}`,
  );
}
clearInterval(progress);

say(`seed ${seed}, ${round} rounds`);
say(
  `transactions: ${total.transactions} committed, ${total.rolledBack} rolled back, ${total.prepared} prepared; deadlocks ${total.deadlocks}, connections lost ${total.lostConnections}`,
);
say(`statements: ${spellCounts(total.statements)}`);
say(`refused by: ${spellCounts(total.refused)}`);
say(`faults: ${spellCounts(total.faults)}`);
say(`schemas: ${spellCounts(total.features)}`);
say(`stream: ${total.streamBytes} bytes of WAL; engine's peak RSS ${Math.round(total.peakRssBytes / 1024 ** 2)} MB`);
say(failed.length === 0 ? 'equal' : `NOT EQUAL: ${failed.join('; ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
