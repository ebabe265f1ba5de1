import { describe, expect, test } from 'vitest';
import type { ArchiveEntry } from '../../src/engine/schema/archive.ts';
import { isNamed, leaveOutOption, whyNotLeftOut, withoutLeftOut } from '../../src/engine/schema/leave-out.ts';
import { planBatches } from '../../src/engine/schema/trial-batches.ts';

const entry = (dumpId: number, type: string, name: string, dependencies: number[] = [], schema = 'public') =>
  ({
    dumpId,
    type,
    schema,
    name,
    dependencies,
    classOid: 0,
    oid: 0,
    sql: '',
    key: `${type} ${schema}.${name}`,
  }) satisfies ArchiveEntry;

const ids = (entries: readonly ArchiveEntry[]) => entries.map(({ dumpId }) => dumpId);

describe('an entry that is left out', () => {
  test('is named by type and name, plain or quoted, the type in any case', () => {
    const view = entry(1, 'VIEW', 'Big "one"', [], 'Mon');
    for (const name of ['VIEW Mon.Big "one"', 'view Mon.Big "one"', ' VIEW "Mon"."Big ""one"""'])
      expect(isNamed([name], view)).toBe(true);
    for (const name of ['VIEW mon.Big "one"', 'INDEX Mon.Big "one"', 'VIEW Mon.Big', 'VIEW'])
      expect(isNamed([name], view)).toBe(false);
    expect(isNamed(['CAST CAST (text AS integer)'], entry(2, 'CAST', 'CAST (text AS integer)', [], '-'))).toBe(true);
  });

  test('goes with all that depends on it, however far, and not with what it depends on', () => {
    const schema = {
      preData: [
        entry(1, 'TYPE', 'mood'),
        entry(2, 'VIEW', 'a', [1]),
        entry(3, 'VIEW', 'b', [2]),
        entry(4, 'VIEW', 'c'),
        entry(5, 'COMMENT', 'VIEW b', [3]),
      ],
      postData: [entry(6, 'RULE', 'b r', [3, 4])],
    };
    const { schema: kept, leftOut, unmatched } = withoutLeftOut(schema, ['VIEW public.a']);
    expect(unmatched).toEqual([]);
    expect([...ids(kept.preData), ...ids(kept.postData)]).toEqual([1, 4]);
    expect(leftOut.map((one) => [one.entry.dumpId, one.because?.dumpId ?? null])).toEqual([
      [2, null],
      [3, 2],
      [5, 3],
      [6, 3],
    ]);
  });

  test('of a partitioned index or constraint takes all of its parts along', () => {
    const schema = {
      preData: [entry(1, 'TABLE', 'e'), entry(2, 'TABLE', 'e1'), entry(3, 'TABLE', 'e2')],
      postData: [
        entry(4, 'INDEX', 'e_at', [1]),
        entry(5, 'INDEX', 'e1_at', [2]),
        entry(6, 'INDEX', 'e2_at', [3]),
        entry(7, 'INDEX ATTACH', 'e1_at', [5, 4]),
        entry(8, 'INDEX ATTACH', 'e2_at', [6, 4]),
        entry(9, 'CONSTRAINT', 'e e_pkey', [1]),
        entry(10, 'CONSTRAINT', 'e1 e1_pkey', [2]),
        entry(11, 'INDEX ATTACH', 'e1_pkey', [10, 9]),
        entry(12, 'FK CONSTRAINT', 'f f_e', [9]),
      ],
    };
    expect(ids(withoutLeftOut(schema, ['INDEX public.e2_at']).schema.postData)).toEqual([9, 10, 11, 12]);
    expect(ids(withoutLeftOut(schema, ['CONSTRAINT public.e1 e1_pkey']).schema.postData)).toEqual([4, 5, 6, 7, 8]);
  });

  test('must be there, and no table may need it', () => {
    const schema = { preData: [entry(1, 'TYPE', 'mood'), entry(2, 'TABLE', 't', [1])], postData: [] };
    expect(whyNotLeftOut(withoutLeftOut(schema, ['TYPE public.moods']))).toMatchObject({ code: 'TM1224' });
    expect(whyNotLeftOut(withoutLeftOut(schema, ['TYPE public.mood']))?.message).toBe(
      'TABLE public.t needs TYPE public.mood, which is to be left out',
    );
    expect(whyNotLeftOut(withoutLeftOut(schema, ['TABLE public.t']))?.hint).toContain("--exclude-table 'public.t'");
    expect(whyNotLeftOut(withoutLeftOut(schema, []))).toBeNull();
  });

  test('is written for a shell', () => {
    const odd = entry(1, 'FK CONSTRAINT', "o'x fk one");
    expect(leaveOutOption([odd])).toBe("--leave-out 'FK CONSTRAINT public.o'\\''x fk one'");
    const table = withoutLeftOut({ preData: [entry(2, 'TABLE', "o'x")], postData: [] }, ["TABLE public.o'x"]);
    expect(whyNotLeftOut(table)?.hint).toContain(`--exclude-table 'public."o'\\''x"'`);
  });
});

describe('the batches of a trial', () => {
  /** Tables in pairs, the second referring to the first; each with a key. */
  const pairs = (count: number) => {
    const schema = entry(1, 'SCHEMA', 's', [], '-');
    const tables = Array.from({ length: count }, (_, n) => entry(10 + n, 'TABLE', `t${n}`, [1]));
    const keys = tables.map(({ dumpId }, n) => entry(10_000 + n, 'CONSTRAINT', `t${n} pk`, [dumpId]));
    const refs = tables.flatMap(({ dumpId }, n) =>
      n % 2 === 1 ? [entry(20_000 + n, 'FK CONSTRAINT', `t${n} fk`, [10_000 + n - 1, dumpId, dumpId - 1])] : [],
    );
    return [schema, ...tables, ...keys, ...refs];
  };

  test('are one when all of it fits', () => {
    const entries = pairs(10);
    expect(planBatches(entries, 50)).toEqual({ batches: [entries], tooBig: [] });
    expect(planBatches([], 50)).toEqual({ batches: [], tooBig: [] });
  });

  test('cover each entry, hold what it depends on before it, and stay below the bound', () => {
    const entries = pairs(1000);
    const { batches, tooBig } = planBatches(entries, 100);
    expect(tooBig).toEqual([]);
    expect(new Set(batches.flatMap(ids))).toEqual(new Set(ids(entries)));
    for (const batch of batches) {
      const seen = new Set<number>();
      for (const { dumpId, dependencies } of batch) {
        expect(dependencies.every((id) => seen.has(id))).toBe(true);
        seen.add(dumpId);
      }
      expect(batch.filter(({ type }) => type === 'TABLE').length).toBeLessThanOrEqual(20);
    }
    // Few are made twice: a pair may lie in two batches.
    const made = batches.flatMap((batch) => batch.filter(({ type }) => type === 'TABLE'));
    expect(made.length).toBeLessThan(1200);
  });

  test('leave out what needs more by itself', () => {
    const tables = Array.from({ length: 30 }, (_, n) => entry(10 + n, 'TABLE', `t${n}`));
    const view = entry(99, 'VIEW', 'all', ids(tables));
    const { batches, tooBig } = planBatches([...tables, view], 60);
    expect(ids(tooBig)).toEqual([99]);
    expect(new Set(batches.flatMap(ids))).toEqual(new Set(ids(tables)));
  });
});
