import type { ProviderId } from '../../engine/options.ts';
import type { Check } from '../check.ts';
import { settings } from '../facts/settings.ts';
import { info, listed, pass, warn } from '../outcome.ts';
import { restartFix } from '../parameter-fix.ts';
import { placeOf, platform, tabOf } from '../platforms.ts';

/** The tabs as the wizard shows them. */
const TABS: Readonly<Record<ProviderId, string>> = {
  'selfhosted-timescaledb': 'Self-hosted TimescaleDB',
  'selfhosted-postgres': 'Self-hosted PostgreSQL',
  rds: 'RDS/Aurora',
  mst: 'MST',
};

const howToOpen = (tab: ProviderId): string =>
  `In the wizard press the arrow keys until the tab "${TABS[tab]}" is open; for a command add --provider ${tab}.`;

/** Whether the tab fits what the server shows. */
const sourceKind: Check = {
  id: 'source-kind',
  side: 'source',
  title: 'Kind of source',
  severity: 'warn',
  wanted: 'the tab that fits the source',
  why: 'Each tab has the checks and the instructions of one kind of source; what helps on one is wrong on another.',
  fix: 'Choose the tab that fits.',
  async run({ ask, provider, sourceSettings }) {
    const detected = await ask('source', platform);
    const { platform: one, evidence } = detected;
    const found = `${one.label}: ${evidence}`;
    if (one.unfit !== undefined) return warn(`${found}. ${one.note ?? ''}`, { fix: one.unfit });
    // The RDS tab has a check of its own for the endpoint.
    const wrong = provider === 'rds' ? null : (one.wrongAddress?.(placeOf(sourceSettings)) ?? null);
    if (wrong !== null) return warn(`${found}. The address is not the server's own`, { fix: wrong });
    const tab = tabOf(detected);
    if (tab !== provider) {
      return warn(`this tab is for ${TABS[provider]}, the source looks like ${found}`, {
        fix: `${howToOpen(tab)} If you know that it is wrong (${evidence}), stay here.`,
      });
    }
    return one.note === null
      ? pass(found)
      : { ...info(`${found}. ${one.note}`), fix: 'Nothing to change: use this tab.' };
  },
};

/** https://www.postgresql.org/docs/current/view-pg-settings.html: pending_restart */
const pendingRestart: Check = {
  id: 'source-pending-restart',
  side: 'source',
  title: 'Changed settings in force',
  severity: 'warn',
  wanted: 'no setting that waits for a restart',
  why: 'The server still runs with the old values. A restart during the migration would cost time; after one the checks may see other values.',
  fix: 'Restart the server.',
  async run(run) {
    const { pendingRestart: waiting } = await run.ask('source', settings);
    if (waiting.length === 0) return pass('none waits');
    return {
      ...warn(`${listed(waiting)}: changed, waiting for a restart`, { fix: await restartFix(run) }),
      restart: 'source',
    };
  },
};

/** What the provider puts into every database, and what the target can't have. */
const providerObjects: Check = {
  id: 'source-provider-objects',
  side: 'source',
  title: "The provider's own objects",
  severity: 'warn',
  wanted: 'none, or left out of the migration',
  why: 'Extensions and schemas that belong to the provider exist only there, and its schemas belong to roles that are not yours.',
  fix: 'Leave them out with --skip-extensions and --exclude-schema.',
  async run({ ask, options }) {
    const { platform: one, extensions, schemas } = await ask('source', platform);
    const { skipExtensions, excludeSchema } = options;
    const own = extensions.filter((name) => one.extensions.includes(name));
    const there = schemas.filter((name) => one.schemas.includes(name));
    const left = own.filter((name) => skipExtensions !== 'all' && !skipExtensions.includes(name));
    const kept = there.filter((name) => !excludeSchema.includes(name));
    const words = (e: readonly string[], s: readonly string[]) =>
      [
        ...(e.length > 0 ? [`extensions ${listed(e)}`] : []),
        ...(s.length > 0 ? [`schemas ${listed(s, 20)}`] : []),
      ].join('; ');
    if (left.length === 0 && kept.length === 0) {
      return pass(own.length + there.length === 0 ? 'none' : `left out: ${words(own, there)}`);
    }
    const also = skipExtensions === 'all' ? [] : skipExtensions;
    return warn(`of ${one.label}: ${words(left, kept)}`, {
      fix: [
        ...(left.length > 0 ? [`Leave the extensions out: --skip-extensions ${[...also, ...left].join(' ')}`] : []),
        ...(kept.length > 0
          ? [`Leave the schemas out: --exclude-schema ${[...excludeSchema, ...kept].join(' ')}`]
          : []),
        'Look first whether tables of yours use them (foreign keys to auth.users, for instance): those are to be changed before.',
      ].join('\n'),
    });
  },
};

/** Checks of every source that depend on where it runs. */
export const PLATFORM_CHECKS: readonly Check[] = [sourceKind, pendingRestart, providerObjects];
