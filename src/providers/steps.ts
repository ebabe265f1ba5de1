import type { ProviderId } from '../engine/options.ts';
import { COMMON_STEPS } from './common/steps.ts';
import { MST_STEPS } from './mst/steps.ts';
import { RDS_STEPS } from './rds/steps.ts';
import { SELFHOSTED_STEPS } from './selfhosted/steps.ts';
import type { Step, StepItem, StepSetting } from './step.ts';

/** Of the source first: what needs a restart or another person takes longest. */
export const ALL_STEPS: readonly Step[] = [...RDS_STEPS, ...MST_STEPS, ...SELFHOSTED_STEPS, ...COMMON_STEPS];

/** The steps of one source kind, in the order in which they are best done. */
export const stepsOf = (provider: ProviderId): Step[] =>
  ALL_STEPS.filter(({ providers }) => providers === undefined || providers.includes(provider));

/**
 * The steps as they stand for one source: texts with the known names filled in, and what was ticked (ISO 8601 by id).
 * Steps with nothing to do for this very source, and ticks of steps that it does not have, are left out.
 */
export const stepsFor = (setting: StepSetting, ticked: Readonly<Record<string, string>>): StepItem[] =>
  stepsOf(setting.provider)
    .map(({ id, title, why, how }) => ({ id, title, why, how: how(setting), ticked: ticked[id] ?? null }))
    .filter(({ how }) => how.length > 0);
