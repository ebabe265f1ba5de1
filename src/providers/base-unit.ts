const FACTORS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  us: { us: 1, ms: 1e3, s: 1e6, min: 60e6, h: 3_600e6, d: 86_400e6 },
  ms: { us: 1 / 1e3, ms: 1, s: 1e3, min: 60e3, h: 3_600e3, d: 86_400e3 },
  s: { ms: 1 / 1e3, s: 1, min: 60, h: 3_600, d: 86_400 },
  min: { s: 1 / 60, min: 1, h: 60, d: 1_440 },
};
const BYTES: Readonly<Record<string, number>> = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };

/**
 * A parameter's value in its base unit, without the unit, as the consoles of providers want it: `60s` of a parameter in
 * ms is `60000`. A value without a unit, or with one that does not go with the base unit, stays as it is.
 * https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-NAMES-VALUES
 */
export function inBaseUnit(value: string, base: string | null): string {
  const [, number, unit] = /^(-?\d+(?:\.\d+)?)\s*([a-zA-Z]+)$/.exec(value) ?? [];
  if (number === undefined || unit === undefined || base === null) return value;
  const factor = FACTORS[base]?.[unit] ?? bytes(unit, base);
  return factor === null ? value : String(Math.round(Number(number) * factor));
}

/** Base units of sizes are `B`, `kB`, `MB`, or pages as `8kB`. */
function bytes(unit: string, base: string): number | null {
  const [, count, of] = /^(\d*)([a-zA-Z]+)$/.exec(base) ?? [];
  const size = BYTES[unit];
  const one = of === undefined ? undefined : BYTES[of];
  return size === undefined || one === undefined ? null : size / (one * Number(count || '1'));
}
