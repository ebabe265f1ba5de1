import type { ConnectionSettings } from '../../postgres/connection-string.ts';
import { SESSION_SETTINGS } from '../../postgres/session-settings.ts';
import { listed } from '../outcome.ts';
import { placeOf, platformOfHost } from '../platforms.ts';

/** Settings of ours that hardly anybody else has: a server that has them got them from us. */
export const TELLING: readonly string[] = ['IntervalStyle', 'TimeZone', 'extra_float_digits', 'bytea_output'];

const SERVER_PORT = 5432;

/** Where to look for the server behind a pooler of which only the address is known. */
function directAddress({ host, port }: Pick<ConnectionSettings, 'host' | 'port'>): string {
  const often = port === SERVER_PORT ? '' : `, often ${host}:${SERVER_PORT}`;
  return `Use the address of the server behind ${host}:${port}${often}: PgBouncer names it in the section [databases] of pgbouncer.ini (host=, port=), the console of a provider as the direct or service connection.`;
}

/** What a connection shows of what it goes through. */
export interface ConnectionSigns {
  /** The process id that was told at connect time. */
  readonly told: number | null;
  /** `pg_backend_pid()` of two statements. */
  readonly first: number;
  readonly second: number;
  /** `pg_settings.setting` of a telling setting. */
  readonly setting: (name: string) => string | undefined;
}

/** A pooler between here and the server: how it shows, and what to use instead. */
export interface FoundPooler {
  readonly found: string;
  readonly fix: string;
}

/**
 * Null: none is seen. A pooler gives its clients cancel keys of its own, so the process id told at connect time is not
 * the one of the server process; in transaction mode that even changes; and most drop our startup options.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export function findPooler(address: ConnectionSettings, signs: ConnectionSigns): FoundPooler | null {
  const wrong = platformOfHost(address.host)?.wrongAddress?.(placeOf(address)) ?? null;
  if (wrong !== null) {
    return { found: `${address.host}:${address.port} is not the address of the server itself`, fix: wrong };
  }
  const fix = directAddress(address);
  const { told, first, second, setting } = signs;
  if (first !== second) return { found: `two statements ran in two server processes, ${first} and ${second}`, fix };
  if (told !== first) {
    const found = `the connection says server process ${String(told)}, the server says ${first}: a pooler is in between`;
    return { found, fix };
  }
  const lost = TELLING.filter((name) => SESSION_SETTINGS[name] !== setting(name));
  return lost.length === 0 ? null : { found: `settings given at connect time were dropped: ${listed(lost)}`, fix };
}
