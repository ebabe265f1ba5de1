import { expect, test } from 'vitest';
import { FirstLook } from '../../../src/engine/cutover/look-for-orphans.ts';
import type { ValidKey } from '../../../src/engine/cutover/orphans.ts';

const KEY: ValidKey = {
  schema: 'public',
  table: 'chi',
  name: 'chi_p_fkey',
  definition: 'FOREIGN KEY (p) REFERENCES par(id)',
  isPartitioned: false,
  full: false,
  parent: { schema: 'public', name: 'par', isPartitioned: false },
  columns: [],
};

test('rows that violate a key lock the cut-over while somebody looks, and not when the look has ended', async () => {
  const { signal } = new AbortController();
  const look = new FirstLook();
  look.found(KEY, ['p = 777']);
  look.end();
  await expect(look.requireNone(60_000, signal)).rejects.toMatchObject({ code: 'TM6007' });
  look.giveUp();
  await look.requireNone(60_000, signal);
});
