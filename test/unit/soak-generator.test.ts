import { describe, expect, test } from 'vitest';
import { FAULTS } from '../soak/faults.ts';
import { KEY_TYPES } from '../soak/generator/key-types.ts';
import { STATEMENT_KINDS } from '../soak/generator/statement.ts';
import { SHAPES } from '../soak/generator/table.ts';
import { VALUE_TYPES } from '../soak/generator/value-types.ts';
import { FULL, planRound, SMALL } from '../soak/plan.ts';

/** What a round does, with the first transactions of each session. */
const rehearse = (seed: number, transactions: number) => {
  const plan = planRound(seed, FULL, false);
  const { sessions, ...rest } = plan;
  return { ...rest, written: sessions.map((session) => Array.from({ length: transactions }, () => session.next())) };
};

describe('the rounds of the soak', () => {
  test('are the same for the same seed: schema, options, faults and each session’s statements', () => {
    expect(rehearse(7, 100)).toEqual(rehearse(7, 100));
    expect(rehearse(7, 100)).not.toEqual(rehearse(8, 100));
  });

  test('write the same in each session however many faults there are: what is drawn for one purpose is no other’s', () => {
    const more = planRound(7, { ...FULL, faults: [7, 7] }, false);
    const fewer = planRound(7, { ...FULL, faults: [1, 1] }, false);
    expect(more.schema).toEqual(fewer.schema);
    expect(more.sessions[0]?.next()).toEqual(fewer.sessions[0]?.next());
  });

  test('have every kind of statement, end, shape, type, fault and option within 40 seeds', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      const round = rehearse(seed, 150);
      for (const fault of round.faults) seen.add(`fault ${fault.name}`).add(`in ${fault.phase}`);
      for (const feature of round.schema.features) seen.add(feature);
      for (const table of round.schema.tables) {
        for (const { type } of table.address) seen.add(`key ${type.sql}`);
        for (const { type } of table.columns) seen.add(`column ${type.sql}`);
      }
      for (const { statements, end, openFor } of round.written.flat()) {
        for (const { kind } of statements) seen.add(`statement ${kind}`);
        seen.add(`end ${end}`);
        if (openFor > 0) seen.add('held open');
      }
      seen.add(`replica role ${round.replicaRole}`).add(`freeze ${round.freeze}`).add(`request ${round.request}`);
      seen.add(`plugin ${round.args[1]}`);
    }
    const wanted = [
      ...Object.keys(FAULTS).map((name) => `fault ${name}`),
      ...['snapshot', 'schema', 'copy', 'replay', 'cutover'].map((phase) => `in ${phase}`),
      ...SHAPES,
      ...[
        'deferrable unique',
        'exclusion constraint',
        'generated column',
        'serial column',
        'identity column',
        'check constraint',
      ],
      ...[
        'self-reference',
        'storage',
        'partial index on an expression',
        'row security',
        'trigger that writes',
        'view',
        'materialized view',
      ],
      ...[
        'foreign key ON DELETE CASCADE',
        'foreign key ON DELETE SET NULL',
        'foreign key DEFERRABLE INITIALLY DEFERRED',
      ],
      ...Object.values(KEY_TYPES).map(({ sql }) => `key ${sql}`),
      ...Object.values(VALUE_TYPES).map(({ sql }) => `column ${sql}`),
      ...STATEMENT_KINDS.map((kind) => `statement ${kind}`),
      ...['commit', 'rollback', 'prepare'].map((end) => `end ${end}`),
      'held open',
      ...['replica role true', 'replica role false', 'freeze true', 'freeze false'],
      ...[
        'request command',
        'request signal',
        'request auto',
        'plugin pgoutput',
        'plugin test_decoding',
        'plugin wal2json',
      ],
    ];
    expect(wanted.filter((name) => !seen.has(name))).toEqual([]);
  });

  test('have one session when all is to repeat exactly', () => {
    expect(planRound(3, FULL, true).sessions).toHaveLength(1);
    expect(planRound(3, SMALL, false).schema.tables.length).toBeLessThan(10);
  });
});
