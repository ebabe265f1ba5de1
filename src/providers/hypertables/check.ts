import { formatHypertable } from '../../engine/timescale/hypertable-option.ts';
import { displayName } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { older, timescaledb } from '../facts/timescaledb.ts';
import { fail, pass, warn } from '../outcome.ts';
import { readObstacles } from './rows.ts';

/** Kinds of sources whose tables are plain. */
const PLAIN = ['selfhosted-postgres', 'rds'] as const;

/** https://docs.tigerdata.com/use-timescale/latest/hypertables/ */
export const newHypertables: Check = {
  id: 'new-hypertables',
  side: 'source',
  title: 'Tables that become hypertables',
  severity: 'fail',
  wanted: 'nothing that a hypertable can not have',
  why: 'A hypertable keeps its rows in chunks by time. What concerns all rows at once (a unique key without the time, a foreign key to it) no chunk can promise.',
  fix: 'Remove it on the source, leave it out on the target with --skip-hypertable-incompatible-objects, or leave the table as it is.',
  providers: PLAIN,
  async run(run) {
    const { hypertables } = run.options;
    if (hypertables.length === 0) return pass('none');
    const obstacles = await readObstacles(run.source, run.options, (await run.ask('target', timescaledb)).installed);
    if (obstacles.length === 0) return pass(hypertables.map(formatHypertable).join('; '));
    const found = obstacles.map(({ relation, problem }) => `${relation}: ${problem}`).join('\n');
    const fix = obstacles.map(({ remedy }) => remedy).join('\n');
    return obstacles.some(({ blocks }) => blocks) ? fail('TM2011', found, { fix }) : warn(found, { fix });
  },
};

/** https://docs.tigerdata.com/self-hosted/latest/install/ */
export const targetForHypertables: Check = {
  id: 'target-timescaledb',
  side: 'target',
  title: 'TimescaleDB for new hypertables',
  severity: 'fail',
  wanted: 'TimescaleDB 2.14 or newer in the target database, when tables become hypertables',
  why: 'They are made there.',
  fix: 'Use a target with TimescaleDB: every Tiger Cloud service has it. Or leave the tables as they are.',
  providers: PLAIN,
  async run({ ask, options }) {
    if (options.hypertables.length === 0) return pass('not needed: no table becomes a hypertable');
    const { installed, offered, creatable } = await ask('target', timescaledb);
    const names = options.hypertables.map(displayName).join(', ');
    if (installed !== null && !older(installed, '2.14')) return pass(installed);
    if (installed !== null) return fail('TM2010', `${installed} is too old`);
    if (offered === null) return fail('TM2010', `the server has none, for ${names}`);
    const sql = ['CREATE EXTENSION IF NOT EXISTS timescaledb'];
    return fail('TM2010', `not created in this database, for ${names}`, {
      fix: `On the target${creatable ? '' : ', as its owner or a superuser'}: ${sql[0]};`,
      ...(creatable ? { apply: { side: 'target', sql, restart: false } } : {}),
    });
  },
};
