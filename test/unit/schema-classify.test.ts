import { describe, expect, test } from 'vitest';
import type { ArchiveEntry } from '../../src/engine/schema/archive.ts';
import { classify } from '../../src/engine/schema/classify.ts';

const PG_CLASS = 1259;
const entry = (dumpId: number, type: string, name: string, dependencies: number[] = [], sql = ''): ArchiveEntry => ({
  dumpId,
  classOid: type === 'TABLE' || type === 'MATERIALIZED VIEW' ? PG_CLASS : 0,
  oid: dumpId * 100,
  dependencies,
  type,
  schema: 'public',
  name,
  key: `${type} ${name}`,
  sql,
});
const names = (entries: readonly ArchiveEntry[] | undefined) => entries?.map((one) => one.name);

describe('when each object is made', () => {
  const preData = [
    entry(1, 'TABLE', 't'),
    entry(2, 'TABLE', 'u'),
    entry(3, 'VIEW', 'v'),
    entry(4, 'ACL', 'plain', [1], 'GRANT SELECT ON TABLE t TO r;'),
    entry(5, 'ACL', 'given up', [2], 'REVOKE ALL ON TABLE u FROM o;'),
  ];
  const postData = [
    entry(10, 'CONSTRAINT', 'u pkey', [2]),
    entry(11, 'INDEX', 't_idx', [1]),
    entry(12, 'COMMENT', 'on t_idx', [11]),
    entry(13, 'RULE', 'v _RETURN', [3, 10], 'CREATE OR REPLACE VIEW public.v AS SELECT 1;'),
    entry(14, 'MATERIALIZED VIEW', 'm', [10], 'CREATE MATERIALIZED VIEW public.m AS SELECT 1'),
    entry(15, 'INDEX', 'm_idx', [14]),
    entry(16, 'RULE', 't r', [1], 'CREATE RULE r AS ON INSERT TO public.t DO ALSO NOTHING;'),
    entry(17, 'TRIGGER', 't g', [1]),
    entry(18, 'COMMENT', 'on g', [17]),
    entry(19, 'FK CONSTRAINT', 't fk', [1, 10]),
    entry(20, 'COMMENT', 'on fk', [19]),
    entry(21, 'CHECK CONSTRAINT', 't later', [1]),
    entry(22, 'STATISTICS', 's', [1]),
    entry(23, 'DEFAULT ACL', 'd'),
  ];

  test('before the rows, with its table, after the indexes, at the cut-over', () => {
    const schema = classify({ preData, postData }, () => false);
    expect(names(schema.preData)).toEqual(['t', 'u', 'v', 'plain']);
    expect(names(schema.indexes.get(100))).toEqual(['t_idx']);
    expect(names(schema.indexes.get(200))).toEqual(['u pkey']);
    expect(names(schema.afterIndexes)).toEqual(['on t_idx', 'v _RETURN', 'm', 'm_idx', 's']);
    expect(names(schema.foreignKeys)).toEqual(['t fk']);
    expect(names(schema.atCutover)).toEqual(['t r', 't g', 'on g', 'on fk', 't later', 'd', 'given up']);
    expect(schema.leftOut).toEqual([]);
  });

  test('an index that is skipped takes along what stands on it, and the other parts of its tree', () => {
    const tree = [
      entry(30, 'INDEX', 'root', [1]),
      entry(31, 'INDEX', 'part 1', [2]),
      entry(32, 'INDEX', 'part 2', [2]),
      entry(33, 'INDEX ATTACH', 'a1', [30, 31]),
      entry(34, 'INDEX ATTACH', 'a2', [30, 32]),
      entry(35, 'INDEX', 'other', [2]),
      entry(36, 'FK CONSTRAINT', 'on part 2', [32]),
      entry(37, 'COMMENT', 'on root', [30]),
    ];
    const schema = classify({ preData, postData: tree }, (name) => name === 'part 1');
    expect([...schema.indexes.values()].flat().map((one) => one.name)).toEqual(['other']);
    expect([...schema.afterIndexes, ...schema.foreignKeys]).toEqual([]);
    expect(names(schema.leftOut)).toEqual(['on part 2']);
  });
});
