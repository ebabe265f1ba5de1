import type { ProviderId } from '../../engine/options.ts';
import { shellQuoted } from '../../postgres/shell.ts';

export const PLATFORMS = [
  'self-hosted',
  'rds',
  'aurora',
  'mst',
  'tiger-cloud',
  'cloud-sql',
  'alloydb',
  'azure',
  'supabase',
  'neon',
  'digitalocean',
  'heroku',
] as const;
export type PlatformId = (typeof PLATFORMS)[number];

/** What the instructions of a platform name. It holds no password. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** The server's major release; null when it is not known yet. */
  readonly major: number | null;
}

/** A server parameter and what it shall be. */
export interface ParameterChange {
  readonly name: string;
  /** As ALTER SYSTEM takes it: `60s`, `logical`. */
  readonly value: string;
  /** In SQL, where the value is a list: each element is a word of its own. */
  readonly elements?: readonly string[];
  /** Whether the parameter takes effect only at server start (`context = postmaster` in pg_settings). */
  readonly restart: boolean;
}

/** What a server shows that no other kind of server has. */
export interface Signs {
  /** Anybody can create a role of that name: they do not count where our role is a superuser, which no provider gives. */
  readonly roles?: readonly string[];
  /** Whole names, or prefixes that end in a dot. */
  readonly settings?: readonly string[];
  readonly functions?: readonly string[];
  /** Installed, or offered in pg_available_extensions. */
  readonly extensions?: readonly string[];
  readonly schemas?: readonly string[];
}

/** A place where PostgreSQL servers run: how it is told, and how things are done there. */
export interface Platform {
  readonly id: PlatformId;
  /** As people call it. */
  readonly label: string;
  /** The source kind it is migrated as; `by-extension`: as TimescaleDB where that is installed, else as PostgreSQL. */
  readonly tab: ProviderId | 'by-extension';
  readonly signs: Signs;
  /** One sign of each kind is needed; otherwise any sign will do. */
  readonly allSigns?: boolean;
  /** Its host names; null when it has none of its own. */
  readonly hosts: RegExp | null;
  /** What is different there, for the operator; null: nothing. */
  readonly note: string | null;
  /** Why no migration can start from there, and what to do instead. Absent: it can. */
  readonly unfit?: string;
  /** What is wrong with the address that was given, and which one is right; null: nothing. */
  readonly wrongAddress: ((place: Place) => string | null) | null;
  /** Extensions and schemas that the provider puts into its databases and that no other server has. */
  readonly extensions: readonly string[];
  readonly schemas: readonly string[];
  /**
   * How a parameter is changed, one step a line, the console's way and the command line's. `raw` is the value in the
   * parameter's base unit without it (`60000` for `60s` of wal_sender_timeout), as most consoles want it.
   */
  change(change: ParameterChange & { readonly raw: string }, place: Place): readonly string[];
  /** How the server is restarted, one step a line. */
  restart(place: Place): readonly string[];
  /** How the role gets the right to replicate, one step a line. */
  grantReplication(place: Place): readonly string[];
}

/** A word of a shell command, quoted only where it must be. */
export const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuoted(word));

/** The first label of a host name: most providers put the name of the instance there. */
export const firstLabel = ({ host }: Pick<Place, 'host'>): string => host.split('.')[0] ?? host;
