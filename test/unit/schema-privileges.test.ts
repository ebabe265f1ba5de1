import { describe, expect, test } from 'vitest';
import type { ArchiveEntry } from '../../src/engine/schema/archive.ts';
import { adaptPrivileges, takesRightsOfOwner } from '../../src/engine/schema/privileges.ts';
import { settingValue } from '../../src/engine/schema/settings.ts';

const entry = (sql: string, type = 'ACL'): ArchiveEntry => ({
  dumpId: 1,
  classOid: 0,
  oid: 0,
  dependencies: [],
  type,
  schema: 'public',
  name: 'TABLE t',
  key: 'k',
  sql,
});

const roles = {
  owners: new Set(['app', 'App "2"', 'kept']),
  there: new Set(['reader', 'kept', 'a TO b', 'MiXed']),
  ours: new Set(['kept']),
};
const adapt = (sql: string, type?: string) => {
  const { entry: adapted, missing } = adaptPrivileges(entry(sql, type), roles);
  return { sql: adapted.sql, missing };
};

describe('privileges of a dump', () => {
  test('an owner that the target lacks is whoever owns everything there', () => {
    expect(adapt('REVOKE ALL ON TABLE public.t FROM app;\nGRANT SELECT ON TABLE public.t TO app;')).toEqual({
      sql: 'REVOKE ALL ON TABLE public.t FROM CURRENT_USER;\nGRANT SELECT ON TABLE public.t TO CURRENT_USER;',
      missing: [],
    });
    expect(adapt('GRANT SELECT ON TABLE public.t TO "App ""2""" WITH GRANT OPTION;').sql).toBe(
      'GRANT SELECT ON TABLE public.t TO CURRENT_USER WITH GRANT OPTION;',
    );
    expect(adapt('GRANT SELECT ON TABLE public.t TO kept;').sql).toBe('GRANT SELECT ON TABLE public.t TO kept;');
  });

  test('roles that the target lacks are left out and named', () => {
    expect(
      adapt(
        'GRANT SELECT ON TABLE t TO reader;\nGRANT UPDATE(v) ON TABLE t TO "Gone; x";\nGRANT ALL ON TABLE t TO PUBLIC;',
      ),
    ).toEqual({
      sql: 'GRANT SELECT ON TABLE t TO reader;\nGRANT ALL ON TABLE t TO PUBLIC;',
      missing: ['Gone; x'],
    });
    expect(adapt('GRANT SELECT ON TABLE t TO "MiXed";').missing).toEqual([]);
    expect(adapt('GRANT SELECT ON TABLE t TO MiXed;').missing).toEqual(['mixed']);
  });

  test('names that look like the end of a statement', () => {
    const sql = `GRANT SELECT ON TABLE public."x TO app;\n GRANT"".y" TO "a TO b";`;
    expect(adapt(sql)).toEqual({ sql, missing: [] });
  });

  test('grantors are not set', () => {
    const sql = 'SET SESSION AUTHORIZATION chief;\nGRANT SELECT ON TABLE t TO reader;\nRESET SESSION AUTHORIZATION;';
    expect(adapt(sql)).toEqual({ sql: 'GRANT SELECT ON TABLE t TO reader;', missing: [] });
  });

  test('default privileges of the owner', () => {
    const of = (role: string, to = 'reader') =>
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${role} IN SCHEMA "s x" GRANT SELECT ON TABLES  TO ${to};`;
    expect(adapt(of('app'), 'DEFAULT ACL').sql).toBe(of('CURRENT_USER'));
    expect(adapt(of('"App ""2"""', 'app'), 'DEFAULT ACL').sql).toBe(of('CURRENT_USER', 'CURRENT_USER'));
    expect(adapt(of('kept'), 'DEFAULT ACL').sql).toBe(of('kept'));
    expect(adapt(of('gone'), 'DEFAULT ACL')).toEqual({ sql: '', missing: ['gone'] });
  });

  test('an owner that has given up rights of its own', () => {
    expect(
      takesRightsOfOwner(
        entry('REVOKE ALL ON FUNCTION public.f() FROM PUBLIC;\nGRANT ALL ON FUNCTION public.f() TO app;'),
      ),
    ).toBe(false);
    expect(takesRightsOfOwner(entry('GRANT SELECT ON TABLE t TO reader;\nREVOKE ALL ON TABLE "t; x" FROM app;'))).toBe(
      true,
    );
    expect(takesRightsOfOwner(entry('REVOKE ALL ON TABLE t FROM app;', 'COMMENT'))).toBe(false);
  });
});

test.each([
  ['work_mem', '5MB', `'5MB'`],
  ['search_path', `"$user", "it's, ""odd""", public`, `'$user', 'it''s, "odd"', 'public'`],
  ['search_path', '""', `''`],
  ['app.tenant', `a 'b' \\`, ` E'a ''b'' \\\\'`],
])('the value of %s %s as SQL', (name, value, sql) => {
  expect(settingValue(name, value)).toBe(sql);
});
