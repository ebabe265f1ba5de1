import { setTimeout as delay } from 'node:timers/promises';
import { firstRow } from '../../postgres/query.ts';
import type { Fact } from '../fact.ts';
import { SAMPLE, type Sample, type SampleRow, server, toSample } from './server.ts';

/** What the application writes, per second. */
export interface Workload {
  /** Measured during the checks; bytes. Null on a standby. */
  readonly walNow: number | null;
  /** Since the server's counters were last reset; bytes. Null where the server does not say (before 14). */
  readonly walAverage: number | null;
  readonly insertsNow: number;
  readonly updatesNow: number;
  readonly deletesNow: number;
  /** Rows since the database's counters were last reset. */
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** How long they have been counting; null when not known. */
  readonly countedSeconds: number | null;
}

/** Backends report their counters to the server about once a second. */
const LEAST_SAMPLE_MS = 2_000;
const PG_STAT_WAL_VERSION = 140000;

const rate = (before: number, after: number, ms: number): number => Math.max(0, ((after - before) * 1000) / ms);

const rates = (before: Sample, after: Sample) => {
  const ms = after.at - before.at;
  return {
    walNow: before.wal === null || after.wal === null ? null : rate(0, Number(after.wal - before.wal), ms),
    insertsNow: rate(before.inserted, after.inserted, ms),
    updatesNow: rate(before.updated, after.updated, ms),
    deletesNow: rate(before.deleted, after.deleted, ms),
  };
};

interface Row extends SampleRow, Record<string, string | null> {
  average: string | null;
}

const AVERAGE = `(SELECT wal_bytes / nullif(extract(epoch FROM clock_timestamp() - coalesce(stats_reset, pg_postmaster_start_time())), 0)
  FROM pg_stat_wal)`;

const sampleWithAverage = (versionNumber: number): string =>
  `SELECT ${SAMPLE}, ${versionNumber >= PG_STAT_WAL_VERSION ? AVERAGE : 'NULL'} AS average
   FROM pg_stat_database s WHERE s.datname = current_database()`;

/**
 * Rates between two moments at least two seconds apart, and long-time averages.
 * https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-WAL-VIEW
 */
export const workload: Fact<Workload> = {
  async read(client, ask) {
    const { sample: before, versionNumber } = await ask(server);
    const now = () => firstRow<Row>(client, sampleWithAverage(versionNumber));
    let row = await now();
    const missing = LEAST_SAMPLE_MS - (Number(row.at) - before.at);
    if (missing > 0) {
      await delay(missing);
      row = await now();
    }
    const after = toSample(row);
    const walAverage = row.average === null ? null : Number(row.average);
    return {
      ...rates(before, after),
      walAverage,
      inserted: after.inserted,
      updated: after.updated,
      deleted: after.deleted,
      countedSeconds: after.countedSeconds,
    };
  },
};
