import { MigrateError } from '../errors/migrate-error.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as it is written in an option: `30s`, `5m`, `1h`, `0`. Throws TM1001. */
export function parseDuration(text: string): number {
  const trimmed = text.trim();
  if (/^0+$/.test(trimmed)) return 0;
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/i.exec(trimmed);
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()];
  const ms = match && unit !== undefined ? Math.round(Number(match[1]) * unit) : Number.NaN;
  // The longest that a timer takes.
  if (ms <= 2_147_483_647) return ms;
  throw new MigrateError('TM1001', {
    side: 'local',
    object: text,
    message: 'not a duration',
    hint: 'Write it like 30s, 5m, 2h, or 0; 24 days at the most.',
  });
}
