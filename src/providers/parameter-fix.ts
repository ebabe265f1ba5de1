import type pg from 'pg';
import type { ProviderId } from '../engine/options.ts';
import { quoteLiteral } from '../postgres/identifiers.ts';
import { firstRow } from '../postgres/query.ts';
import type { CheckOutcome } from './check.ts';

export interface ParameterChange {
  readonly name: string;
  readonly value: string;
  /** Whether the parameter takes effect only at server start (`context = postmaster` in pg_settings). */
  readonly restart: boolean;
}

/**
 * How a parameter of the source is changed, in the words of its provider; for a superuser also as SQL that can be applied.
 * https://www.postgresql.org/docs/current/sql-altersystem.html
 */
export async function parameterFix(
  source: pg.Client,
  provider: ProviderId,
  change: ParameterChange,
): Promise<Pick<CheckOutcome, 'fix' | 'apply'>> {
  const { name, value, restart } = change;
  if (provider === 'rds') {
    const [parameter, wanted] = name === 'wal_level' ? ['rds.logical_replication', '1'] : [name, value];
    return {
      fix: `In the parameter group of the instance set ${parameter} = ${wanted}${restart ? ', then reboot the instance' : ''}.`,
    };
  }
  if (provider === 'mst') {
    return { fix: `In the service's advanced configuration set ${name} = ${value}, or ask support to.` };
  }
  const sql = `ALTER SYSTEM SET ${name} = ${/^-?\d+$|^[a-z]+$/.test(value) ? value : quoteLiteral(value)}`;
  const statements = restart ? [sql] : [sql, 'SELECT pg_reload_conf()'];
  const fix = `As a superuser: ${statements.map((one) => `${one};`).join(' ')}${restart ? ' Then restart the server.' : ''}`;
  const { superuser } = await firstRow<{ superuser: string }>(
    source,
    'SELECT rolsuper AS superuser FROM pg_roles WHERE rolname = current_user',
  );
  return superuser === 't' ? { fix, apply: { side: 'source', sql: statements, restart } } : { fix };
}
