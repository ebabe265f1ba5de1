import { withClient } from './test-servers.ts';

/**
 * Makes one database of a server of its own show a setting that this release does not have: the functions and the view
 * that show settings are replaced there. `uri` is a superuser's. It is shown, not obeyed, and can't be changed.
 */
export async function pretendSetting(uri: string, name: string, value: string, unit: string | null): Promise<void> {
  const literal = (text: string | null) => (text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`);
  await withClient(uri, (client) =>
    client.query(`SET allow_system_table_mods = on;
      ALTER FUNCTION pg_catalog.current_setting(text) RENAME TO real_setting;
      ALTER FUNCTION pg_catalog.current_setting(text, boolean) RENAME TO real_setting;
      CREATE FUNCTION pg_catalog.current_setting(name text, missing_ok boolean) RETURNS text LANGUAGE plpgsql STABLE AS
        $$ BEGIN RETURN CASE WHEN name = ${literal(name)} THEN ${literal(value + (unit ?? ''))} ELSE real_setting(name, missing_ok) END; END $$;
      CREATE FUNCTION pg_catalog.current_setting(name text) RETURNS text LANGUAGE plpgsql STABLE AS
        $$ BEGIN RETURN current_setting(name, false); END $$;
      CREATE OR REPLACE VIEW pg_catalog.pg_settings AS SELECT * FROM pg_show_all_settings() UNION ALL
        SELECT ${literal(name)}, ${literal(value)}, ${literal(unit)}, '', '', NULL, 'sighup', 'integer', 'default',
          NULL, NULL, NULL, NULL, NULL, NULL, NULL, false`),
  );
}
