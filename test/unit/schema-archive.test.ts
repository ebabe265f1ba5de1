import { describe, expect, test } from 'vitest';
import { listedIds, parseScript, requireAll } from '../../src/engine/schema/archive.ts';
import { classify, countIndexes } from '../../src/engine/schema/classify.ts';

const entry = (id: number, oid: number, type: string, name: string, sql: string, dependencies = '', classOid = 1259) =>
  `--\n-- TOC entry ${id} (class ${classOid} OID ${oid})\n${dependencies ? `-- Dependencies: ${dependencies}\n` : ''}` +
  `-- Name: ${name}; Type: ${type}; Schema: public; Owner: -\n-- Data Pos: 0\n--\n\n${sql}\n\n\n`;

const frame = (body: string) =>
  `--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped from database version 15.18\n\nSET lock_timeout = 0;\n\n${body}` +
  '-- Completed on 2026-11-22 15:21:45 UTC\n\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n';

describe('the script of pg_restore', () => {
  test('comes apart into its entries, without its frame', () => {
    const script = frame(
      entry(7, 16395, 'TABLE', 't', 'CREATE TABLE public.t (id integer);') +
        entry(
          8,
          16402,
          'CONSTRAINT',
          't t_pkey',
          'ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);',
          '7',
          2606,
        ),
    );
    const entries = parseScript(script, new Set([7, 8]));
    expect(
      entries.map(({ dumpId, oid, type, name, dependencies, sql }) => ({ dumpId, oid, type, name, dependencies, sql })),
    ).toEqual([
      { dumpId: 7, oid: 16395, type: 'TABLE', name: 't', dependencies: [], sql: 'CREATE TABLE public.t (id integer);' },
      {
        dumpId: 8,
        oid: 16402,
        type: 'CONSTRAINT',
        name: 't t_pkey',
        dependencies: [7],
        sql: 'ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);',
      },
    ]);
  });

  test('has entries whose names hold what JavaScript, but not pg_dump, takes for the end of a line', () => {
    const names = ['a\u2028b', 'c\u2029', '\u0085', 'd\u000b', 'e\u000c', '\u00a0', 'f\u20289; 1 2 TABLE x'];
    const script = frame(names.map((name, at) => entry(at + 1, 1, 'TABLE', name, `SQL ${at}`)).join(''));
    const known = listedIds(names.map((name, at) => `${at + 1}; 1259 1 TABLE public ${name} o\n`).join(''));
    const entries = parseScript(script, known);
    expect(entries.map(({ name, sql }) => [name, sql])).toEqual(names.map((name, at) => [name, `SQL ${at}`]));
    expect(() => requireAll(known, entries)).not.toThrow();
    expect(() => requireAll(known, entries.slice(1))).toThrow(/not understood: 1$/);
  });

  test('in which a function body pretends to be an entry is refused', () => {
    const forged = entry(999, 1, 'TABLE', 'x', 'DROP DATABASE tsdb;');
    const script = frame(entry(7, 1, 'FUNCTION', 'f()', `CREATE FUNCTION public.f() AS $$\n${forged}$$;`, '', 1255));
    expect(() => parseScript(script, new Set([7]))).toThrow(/looks like an entry/);
    const doubled = frame(entry(7, 1, 'FUNCTION', 'f()', `$$\n${entry(7, 1, 'FUNCTION', 'f()', 'x')}$$`, '', 1255));
    expect(() => parseScript(doubled, new Set([7]))).toThrow(/looks like an entry/);
  });

  test('loses the column options that newer servers refuse, and only those', () => {
    const sql = [
      'CREATE TABLE public.t (a integer, b integer);',
      'ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=3);',
      'ALTER TABLE ONLY public.t ALTER COLUMN b SET (n_distinct=5, pg_attver=4);',
      'ALTER TABLE ONLY public.t ALTER COLUMN b SET (pg_attver=4, n_distinct=6);',
      '',
    ].join('\n');
    const [table] = parseScript(frame(entry(7, 1, 'TABLE', 't', sql)), new Set([7]));
    expect(table?.sql).not.toContain('pg_attver');
    expect(table?.sql).toContain('ALTER COLUMN b SET (n_distinct=5);');
    expect(table?.sql).toContain('n_distinct=6');
    expect(table?.sql).not.toContain('COLUMN a SET');
  });

  test('names two entries of one kind and name apart', () => {
    const twice = frame(entry(7, 0, 'ACL', 'TABLE t', 'GRANT 1') + entry(8, 0, 'ACL', 'TABLE t', 'GRANT 2'));
    expect(parseScript(twice, new Set([7, 8])).map(({ key }) => key)).toEqual([
      'ACL public.TABLE t',
      'ACL public.TABLE t (2)',
    ]);
  });

  test('listed ids are the numbers of pg_restore --list', () => {
    expect(listedIds(';\n; Archive created\n215; 1259 16395 TABLE public p postgres\n7; 0 0 ACL - x y\n')).toEqual(
      new Set([215, 7]),
    );
  });
});

describe('classification', () => {
  const preData = parseScript(
    frame(entry(1, 100, 'TABLE', 't', 'x') + entry(2, 200, 'TABLE', 'u', 'x')),
    new Set([1, 2]),
  );
  const postData = parseScript(
    frame(
      entry(3, 300, 'CONSTRAINT', 't t_pkey', 'pk', '1', 2606) +
        entry(4, 400, 'INDEX', 't_a', 'i', '1') +
        entry(5, 0, 'COMMENT', 'INDEX t_a', 'c', '4', 0) +
        entry(6, 600, 'TRIGGER', 't tr', 'tr', '1', 2620) +
        entry(7, 0, 'COMMENT', 'TRIGGER tr', 'c', '6', 0) +
        entry(8, 800, 'FK CONSTRAINT', 'u u_t', 'fk', '2 3 1', 2606),
    ),
    new Set([3, 4, 5, 6, 7, 8]),
  );

  test('indexes go to their table, foreign keys and triggers to the end, comments to what they speak of', () => {
    const schema = classify({ preData, postData }, () => false);
    expect([...schema.indexes].map(([oid, entries]) => [oid, entries.map(({ name }) => name)])).toEqual([
      [100, ['t t_pkey', 't_a']],
    ]);
    expect(schema.afterIndexes.map(({ name }) => name)).toEqual(['INDEX t_a']);
    expect(schema.foreignKeys.map(({ name }) => name)).toEqual(['u u_t']);
    expect(schema.atCutover.map(({ name }) => name)).toEqual(['t tr', 'TRIGGER tr']);
    expect(countIndexes(schema)).toBe(2);
  });

  test('what stands on a skipped index is skipped with it', () => {
    const schema = classify({ preData, postData }, (name) => name === 't_a');
    expect(countIndexes(schema)).toBe(1);
    expect(schema.afterIndexes).toEqual([]);
  });
});
