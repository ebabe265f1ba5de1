import type { ProviderId } from '../engine/options.ts';

/** The source kinds as the tabs name them. */
export const PROVIDER_TITLES: Readonly<Record<ProviderId, string>> = {
  'selfhosted-timescaledb': 'Self-hosted TimescaleDB',
  'selfhosted-postgres': 'Self-hosted PostgreSQL',
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
