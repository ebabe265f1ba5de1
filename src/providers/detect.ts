import type pg from 'pg';
import type { ProviderId } from '../engine/options.ts';
import { firstRow } from '../postgres/query.ts';

const SIGNS = `
  SELECT (SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM pg_roles WHERE rolname IN ('rds_superuser', 'rdsadmin')) AS rds_roles,
    current_setting('rds.extensions', true) IS NOT NULL AS rds_setting,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'aiven_extras') AS aiven,
    (SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM pg_roles WHERE rolname IN ('_aiven', 'tsdbadmin', 'avnadmin')) AS mst_roles,
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
    current_setting('server_version') AS version`;

/** What kind of server the source looks like, and by what we can tell. */
export async function detectProvider(client: pg.Client): Promise<{ provider: ProviderId; evidence: string }> {
  const signs = await firstRow<{
    rds_roles: string | null;
    rds_setting: string;
    aiven: string;
    mst_roles: string | null;
    timescaledb: string | null;
    version: string;
  }>(client, SIGNS);
  if (signs.rds_roles !== null || signs.rds_setting === 't') {
    return {
      provider: 'rds',
      evidence: signs.rds_roles === null ? 'it has rds.* settings' : `roles ${signs.rds_roles}`,
    };
  }
  if (signs.aiven === 't') {
    const roles = signs.mst_roles === null ? '' : `, roles ${signs.mst_roles}`;
    return { provider: 'mst', evidence: `extension aiven_extras is offered${roles}` };
  }
  return signs.timescaledb === null
    ? {
        provider: 'selfhosted-postgres',
        evidence: `PostgreSQL ${signs.version}, no TimescaleDB, no sign of a provider`,
      }
    : {
        provider: 'selfhosted-timescaledb',
        evidence: `extension timescaledb ${signs.timescaledb}, no sign of a provider`,
      };
}
