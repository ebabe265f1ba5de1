import type pg from 'pg';
import { z } from 'zod';
import { MigrateError, type Side } from '../errors/migrate-error.ts';
import { withClient } from '../postgres/connect.ts';
import { type ConnectionSettings, describeServer } from '../postgres/connection-string.ts';
import { firstRow } from '../postgres/query.ts';
import { findPooler, TELLING } from '../providers/common/pooler.ts';
import { detectProvider } from '../providers/index.ts';
import { notInExtension, USER_SCHEMA } from '../providers/relations.ts';
import type { ServerReport } from '../state/services.ts';

const LOOK = `
SELECT pg_backend_pid() AS pid, current_setting('server_version') AS version, current_user AS user,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls,
       pg_database_size(current_database()) AS bytes,
       (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')
          AND ${USER_SCHEMA} AND ${notInExtension('pg_class', 'c.oid')}) AS tables`;

const TELLING_SETTINGS = `
SELECT pg_backend_pid() AS pid, (SELECT json_object_agg(name, setting)::text FROM pg_settings WHERE name = ANY ($1::text[])) AS settings`;

/** Rejects with TM1204 when a pooler is in between: what would fail at the checks must not look well here. */
async function requireDirect(
  client: pg.Client,
  address: ConnectionSettings,
  side: Exclude<Side, 'local'>,
  first: number,
): Promise<void> {
  const row = await firstRow<{ pid: string; settings: string }>(client, TELLING_SETTINGS, [`{${TELLING.join(',')}}`]);
  const found = z.record(z.string(), z.string()).parse(JSON.parse(row.settings));
  const told = 'processID' in client ? Number(client.processID) : null;
  const signs = { told, first, second: Number(row.pid), setting: (name: string) => found[name] };
  const pooler = findPooler(address, signs);
  if (!pooler) return;
  throw new MigrateError('TM1204', {
    side,
    object: `${address.host}:${address.port}`,
    message: pooler.found,
    hint: pooler.fix,
  });
}

/** Connects and looks: who is there, what kind of server, how big, how far away. */
export function probeServer(
  settings: ConnectionSettings,
  side: Exclude<Side, 'local'>,
  signal: AbortSignal,
): Promise<ServerReport> {
  return withClient(settings, { side, application: 'probe', signal }, async (client) => {
    const row = await firstRow<{
      pid: string;
      version: string;
      user: string;
      timescaledb: string | null;
      tls: string | null;
      bytes: string;
      tables: string;
    }>(client, LOOK);
    await requireDirect(client, settings, side, Number(row.pid));
    const started = performance.now();
    await client.query('SELECT 1');
    const roundTripMs = performance.now() - started;
    const detected = side === 'source' ? await detectProvider(client) : null;
    return {
      address: describeServer(settings),
      user: row.user,
      version: row.version,
      timescaledb: row.timescaledb,
      tls: row.tls,
      bytes: Number(row.bytes),
      tables: Number(row.tables),
      roundTripMs,
      provider: detected?.provider ?? null,
      providerEvidence: detected?.evidence ?? '',
      providerNote: detected?.note ?? null,
    };
  });
}
