import type { Side } from '../errors/migrate-error.ts';
import { withClient } from '../postgres/connect.ts';
import { type ConnectionSettings, describeServer } from '../postgres/connection-string.ts';
import { firstRow } from '../postgres/query.ts';
import { detectProvider } from '../providers/index.ts';
import { notInExtension, USER_SCHEMA } from '../providers/relations.ts';
import type { ServerReport } from '../state/services.ts';

const LOOK = `
SELECT current_setting('server_version') AS version, current_user AS user,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls,
       pg_database_size(current_database()) AS bytes,
       (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')
          AND ${USER_SCHEMA} AND ${notInExtension('pg_class', 'c.oid')}) AS tables`;

/** Connects and looks: who is there, what kind of server, how big, how far away. */
export function probeServer(
  settings: ConnectionSettings,
  side: Exclude<Side, 'local'>,
  signal: AbortSignal,
): Promise<ServerReport> {
  return withClient(settings, { side, application: 'probe', signal }, async (client) => {
    const row = await firstRow<{
      version: string;
      user: string;
      timescaledb: string | null;
      tls: string | null;
      bytes: string;
      tables: string;
    }>(client, LOOK);
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
