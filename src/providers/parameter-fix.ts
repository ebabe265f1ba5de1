import { inBaseUnit } from './base-unit.ts';
import type { CheckOutcome, CheckRun } from './check.ts';
import { parameterRights } from './facts/parameter-rights.ts';
import { server } from './facts/server.ts';
import { settings } from './facts/settings.ts';
import type { ParameterChange, Platform } from './platforms/platform.ts';
import { alterSystem, selfHosted } from './platforms/self-hosted.ts';
import { placeOf, platformOf } from './platforms.ts';

export type { ParameterChange } from './platforms/platform.ts';

type Remedy = Pick<CheckOutcome, 'fix' | 'apply' | 'restart'>;

/** https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-ADMIN */
const AS_ON_STANDBYS: ReadonlySet<string> = new Set(['max_connections', 'max_wal_senders']);

/**
 * How a parameter of the source is changed, in the words of the platform it runs on, one step a line; where our role may
 * run it, also as SQL that can be applied. https://www.postgresql.org/docs/current/sql-altersystem.html
 */
export async function parameterFix(run: CheckRun, change: ParameterChange): Promise<Remedy> {
  const { name, value, restart } = change;
  const platform = await platformOf(run);
  const known = await run.ask('source', settings);
  const place = await placeOfSource(run);
  const raw = inBaseUnit(value, known.get(name)?.unit ?? null);
  const steps = platform.change({ ...change, raw }, place);
  const waits = known.get(name)?.pendingRestart
    ? [
        `${name} has been changed since the server was started and waits for a restart. If it was set to ${value}, only the restart is missing.`,
      ]
    : [];
  const standbys =
    AS_ON_STANDBYS.has(name) && (await run.ask('source', server)).walSenders > 0
      ? ['If there are standbys, raise it on them first. One that has less than its primary stops.']
      : [];
  const needed: Remedy = restart ? { restart: 'source' } : {};
  return { fix: [...waits, ...standbys, ...steps].join('\n'), ...needed, ...(await applicable(run, platform, change)) };
}

async function applicable({ ask }: CheckRun, platform: Platform, change: ParameterChange): Promise<Remedy> {
  if (platform !== selfHosted) return {};
  const { mayAlter, mayReload } = await ask('source', parameterRights);
  if (!mayAlter(change.name) || (!change.restart && !mayReload)) return {};
  return { apply: { side: 'source', sql: alterSystem(change), restart: change.restart } };
}

/** How the source is restarted, in the words of its platform, one step a line. */
export async function restartFix(run: CheckRun): Promise<string> {
  const platform = await platformOf(run);
  return platform.restart(await placeOfSource(run)).join('\n');
}

/** How the role of the source's connection gets the right to replicate, one step a line. */
export async function replicationGrant(run: CheckRun): Promise<string> {
  const platform = await platformOf(run);
  return platform.grantReplication(await placeOfSource(run)).join('\n');
}

async function placeOfSource({ ask, sourceSettings }: CheckRun) {
  const { version } = await ask('source', server);
  return placeOf(sourceSettings, version.major);
}
