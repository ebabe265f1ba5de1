import type { ProviderId } from '../engine/options.ts';

/** The source kinds as the tabs name them. */
export const PROVIDER_TITLES: Readonly<Record<ProviderId, string>> = {
  'selfhosted-timescaledb': 'Self-hosted TimescaleDB',
  'selfhosted-postgres': 'Self-hosted PostgreSQL',
  rds: 'RDS/Aurora',
  mst: 'MST',
};

/** For terminals that are a little too narrow for the titles and what stands behind them. */
export const PROVIDER_MEDIUM_TITLES: Readonly<Record<ProviderId, string>> = {
  'selfhosted-timescaledb': 'TimescaleDB',
  'selfhosted-postgres': 'PostgreSQL',
  rds: 'RDS/Aurora',
  mst: 'MST',
};

/** For terminals that are too narrow for the titles. */
export const PROVIDER_SHORT_TITLES: Readonly<Record<ProviderId, string>> = {
  'selfhosted-timescaledb': 'TimescaleDB',
  'selfhosted-postgres': 'PostgreSQL',
  rds: 'RDS',
  mst: 'MST',
};

/** The source kinds as a sentence names them. */
export const PROVIDER_NAMES: Readonly<Record<ProviderId, string>> = {
  'selfhosted-timescaledb': 'a self-hosted TimescaleDB',
  'selfhosted-postgres': 'a self-hosted PostgreSQL',
  rds: 'Amazon RDS or Aurora',
  mst: 'a Managed Service for TimescaleDB',
};
