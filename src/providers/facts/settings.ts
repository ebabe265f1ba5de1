import type { Fact } from '../fact.ts';

export interface Setting {
  /** As SHOW prints it: `1min`, `128MB`. */
  readonly shown: string;
  /** In the setting's base unit, without it. */
  readonly raw: string;
  readonly unit: string | null;
  /** `postmaster`: takes effect at a restart only. */
  readonly context: string;
  /** Changed in the configuration file, waiting for a restart. */
  readonly pendingRestart: boolean;
}

export interface Settings {
  /** Names in any case; null when the server does not know it or hides it from this role. */
  get(name: string): Setting | null;
  /** As SHOW prints it; null when unknown. */
  shown(name: string): string | null;
  /** In the base unit; null when unknown or not a number. */
  number(name: string): number | null;
  /** The names of those that begin with a prefix, as `rds.`. */
  beginningWith(prefix: string): readonly string[];
  readonly pendingRestart: readonly string[];
}

/**
 * Settings of providers. Where they are mere placeholders, without the provider's library, pg_settings does not list
 * them: they are asked for by name.
 */
const OF_PROVIDERS = [
  'rds.logical_replication',
  'rds.extensions',
  'rds.force_ssl',
  'aurora_version',
  'cloudsql.logical_decoding',
  'cloudsql.iam_authentication',
  'alloydb.logical_decoding',
  'azure.extensions',
  'neon.timeline_id',
  'supautils.reserved_roles',
];

/** All settings, as this session has them: https://www.postgresql.org/docs/current/view-pg-settings.html */
export const settings: Fact<Settings> = {
  async read(client) {
    const { rows } = await client.query<{
      name: string;
      shown: string;
      raw: string;
      unit: string | null;
      context: string;
      pending: string;
    }>(
      `SELECT name, current_setting(name) AS shown, setting AS raw, unit, context, pending_restart AS pending FROM pg_settings
       UNION ALL
       SELECT custom.name, current_setting(custom.name, true), current_setting(custom.name, true), NULL, 'sighup', false
         FROM unnest($1::text[]) AS custom (name)
        WHERE current_setting(custom.name, true) IS NOT NULL AND NOT EXISTS (SELECT FROM pg_settings s WHERE s.name = custom.name)`,
      [OF_PROVIDERS],
    );
    const known = new Map<string, Setting>(
      rows.map(({ name, shown, raw, unit, context, pending }) => [
        name.toLowerCase(),
        { shown, raw, unit, context, pendingRestart: pending === 't' },
      ]),
    );
    const get = (name: string): Setting | null => known.get(name.toLowerCase()) ?? null;
    return {
      get,
      shown: (name) => get(name)?.shown ?? null,
      number: (name) => {
        const value = Number(get(name)?.raw ?? Number.NaN);
        return Number.isNaN(value) ? null : value;
      },
      beginningWith: (prefix) => [...known.keys()].filter((name) => name.startsWith(prefix)),
      pendingRestart: rows.filter(({ pending }) => pending === 't').map(({ name }) => name),
    };
  },
};
