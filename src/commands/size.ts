import { MigrateError } from '../errors/migrate-error.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** `200MB`, `10 GiB`, `1g`, `1048576`: bytes, in powers of 1024 as PostgreSQL has them. Throws TM1001. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()];
  const bytes = match && unit !== undefined ? Math.floor(Number(match[1]) * unit) : 0;
  if (bytes > 0) return bytes;
  throw new MigrateError('TM1001', {
    side: 'local',
    object: text,
    message: 'not a size',
    hint: 'Write it like 200MB, 10 GB or a number of bytes.',
  });
}
