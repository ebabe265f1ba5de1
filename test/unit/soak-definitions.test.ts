import { describe, expect, test } from 'vitest';
import { KINDS, planDatabase } from '../soak/definitions/plan.ts';
import { ODD_SETTINGS } from '../soak/definitions/settings.ts';
import { ENCODINGS } from '../soak/definitions/strange-names.ts';

const spell = (seed: number) => {
  const { settings, targetSettings, changes, ...rest } = planDatabase(seed);
  return { ...rest, settings: settings('d'), targetSettings: targetSettings('d'), changes: changes(1) };
};

describe('the random databases of the soak', () => {
  test('are the same for the same seed', () => {
    expect(spell(7)).toEqual(spell(7));
    expect(spell(7)).not.toEqual(spell(8));
  });

  test('have every kind of object, encoding and setting within 200 seeds', () => {
    const seen = new Set<string>();
    const settings = new Set<string>();
    for (let seed = 1; seed <= 200; seed += 1) {
      const plan = spell(seed);
      seen.add(plan.encoding).add(`plugin ${plan.args[1]}`);
      for (const kind of plan.kinds) seen.add(kind);
      for (const statement of plan.settings) settings.add(statement.split(' ')[4] ?? '');
    }
    expect([...Object.keys(KINDS), ...Object.keys(ENCODINGS)].filter((one) => !seen.has(one))).toEqual([]);
    expect(Object.keys(ODD_SETTINGS).filter((name) => !settings.has(name))).toEqual([]);
  });
});
