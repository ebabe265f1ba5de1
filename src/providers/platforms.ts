import type pg from 'pg';
import type { ProviderId } from '../engine/options.ts';
import type { ConnectionSettings } from '../postgres/connection-string.ts';
import { firstRow } from '../postgres/query.ts';
import type { CheckRun } from './check.ts';
import type { Fact } from './fact.ts';
import { server } from './facts/server.ts';
import { type Settings, settings } from './facts/settings.ts';
import { listed } from './outcome.ts';
import { aurora, rds } from './platforms/aws.ts';
import { azure } from './platforms/azure.ts';
import { digitalOcean } from './platforms/digitalocean.ts';
import { alloyDb, cloudSql } from './platforms/google.ts';
import { heroku } from './platforms/heroku.ts';
import { neon } from './platforms/neon.ts';
import type { Place, Platform, Signs } from './platforms/platform.ts';
import { selfHosted } from './platforms/self-hosted.ts';
import { supabase } from './platforms/supabase.ts';
import { mst, tigerCloud } from './platforms/tiger.ts';

/** Those that are told by signs, the more particular ones first: Aurora has those of RDS too, DigitalOcean those of Aiven. */
export const MANAGED: readonly Platform[] = [
  aurora,
  rds,
  digitalOcean,
  mst,
  alloyDb,
  cloudSql,
  azure,
  supabase,
  neon,
  heroku,
  tigerCloud,
];

/** What a server looks like. */
export interface Detected {
  readonly platform: Platform;
  /** By what it was told, for people. */
  readonly evidence: string;
  /** False where only names tell it that anybody could have given, as after restoring a dump from there. */
  readonly certain: boolean;
  /** The version of TimescaleDB that is installed in the database; null when it is not. */
  readonly timescaledb: string | null;
  /** The installed extensions and the schemas that some platform knows as its own. */
  readonly extensions: readonly string[];
  readonly schemas: readonly string[];
}

const namesOf = (kind: 'functions' | 'extensions' | 'schemas'): string[] =>
  MANAGED.flatMap(({ signs }) => signs[kind] ?? []);

const LOOK = `SELECT
  (SELECT string_agg(DISTINCT proname, ' ') FROM pg_proc WHERE proname = ANY ($1)) AS functions,
  (SELECT string_agg(name, ' ') FROM pg_available_extensions WHERE name = ANY ($2)) AS offered,
  (SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension) AS installed,
  (SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname = ANY ($3)) AS schemas,
  (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb`;

interface Seen {
  readonly roles: readonly string[];
  readonly settings: Settings;
  readonly functions: readonly string[];
  readonly extensions: readonly string[];
  readonly schemas: readonly string[];
}

/** Where the server runs, told by what it shows. */
export const platform: Fact<Detected> = {
  async read(client: pg.Client, ask) {
    const { role, providerRoles, version } = await ask(server);
    const known = await ask(settings);
    const row = await firstRow<
      Record<'functions' | 'offered' | 'installed' | 'schemas' | 'timescaledb', string | null>
    >(client, LOOK, [
      namesOf('functions'),
      namesOf('extensions'),
      [...namesOf('schemas'), ...MANAGED.flatMap(({ schemas }) => schemas)],
    ]);
    const words = (text: string | null): string[] => text?.split(' ') ?? [];
    const installed = words(row.installed);
    const seen: Seen = {
      roles: providerRoles,
      settings: known,
      functions: words(row.functions),
      extensions: [...new Set([...words(row.offered), ...installed])],
      schemas: words(row.schemas),
    };
    const found = { timescaledb: row.timescaledb, extensions: installed, schemas: seen.schemas };
    let doubted: string | null = null;
    for (const one of MANAGED) {
      const evidence = evidenceOf(one, seen);
      if (evidence === null) continue;
      const certain = evidence.some(({ kind }) => kind !== 'roles' && kind !== 'schemas');
      if (certain || !role.superuser) {
        return { platform: one, evidence: evidence.map(({ text }) => text).join('; '), certain, ...found };
      }
      doubted ??= `${evidence[0]?.text} as on ${one.label}, but ${role.name} is a superuser, which is not given there`;
    }
    const kind =
      found.timescaledb === null
        ? `PostgreSQL ${version.major}.${version.minor}, no TimescaleDB`
        : `extension timescaledb ${found.timescaledb}`;
    const evidence = `${kind}, ${doubted ?? 'no sign of a provider'}`;
    return { platform: selfHosted, evidence, certain: doubted === null, ...found };
  },
};

interface Evidence {
  readonly kind: keyof Signs;
  readonly text: string;
}

function evidenceOf({ signs, allSigns }: Platform, seen: Seen): Evidence[] | null {
  const evidence: Evidence[] = [];
  const add = (kind: keyof Signs, names: readonly string[], words: (list: string) => string) => {
    if (names.length > 0) evidence.push({ kind, text: words(listed(names, 3)) });
  };
  const both = (kind: 'roles' | 'functions' | 'extensions' | 'schemas') =>
    (signs[kind] ?? []).filter((name) => seen[kind].includes(name));
  add('roles', both('roles'), (list) => `roles ${list}`);
  add(
    'settings',
    (signs.settings ?? []).filter((name) =>
      name.endsWith('.') ? seen.settings.beginningWith(name).length > 0 : seen.settings.get(name) !== null,
    ),
    (list) => `settings ${list.replaceAll('.', '.*')}`,
  );
  add('functions', both('functions'), (list) => `function ${list}`);
  add('extensions', both('extensions'), (list) => `extension ${list}`);
  add('schemas', both('schemas'), (list) => `schema ${list}`);
  const enough = allSigns ? evidence.length === Object.keys(signs).length : evidence.length > 0;
  return enough ? evidence : null;
}

/** The tab for what was detected. */
export const tabOf = ({ platform: one, timescaledb }: Pick<Detected, 'platform' | 'timescaledb'>): ProviderId => {
  if (one.tab !== 'by-extension') return one.tab;
  return timescaledb === null ? 'selfhosted-postgres' : 'selfhosted-timescaledb';
};

/** Whose words the instructions are in: those of what the server surely is, else of the tab that was chosen. */
export async function platformOf({ ask, provider }: CheckRun): Promise<Platform> {
  const detected = await ask('source', platform);
  const chosen = { rds, mst, 'selfhosted-postgres': selfHosted, 'selfhosted-timescaledb': selfHosted }[provider];
  const fits = detected.platform.tab === 'by-extension' ? chosen === selfHosted : tabOf(detected) === provider;
  return detected.platform !== selfHosted && (detected.certain || fits) ? detected.platform : chosen;
}

/** By the host name alone, before anybody has connected. */
export const platformOfHost = (host: string): Platform | null =>
  MANAGED.find(({ hosts }) => hosts?.test(host) ?? false) ?? null;

/** What instructions name. Never the password. */
export const placeOf = (
  { host, port, database, user }: Pick<ConnectionSettings, 'host' | 'port' | 'database' | 'user'>,
  major: number | null = null,
): Place => ({ host, port, database, user, major });
