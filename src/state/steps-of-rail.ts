import type { Model } from './model.ts';

export const RAIL_STEPS = ['Connect', 'Checks', 'Identity', 'Plan', 'Copy', 'Replay', 'Cut over', 'Done'] as const;
export type RailStep = (typeof RAIL_STEPS)[number];

function phaseStep(model: Model): RailStep {
  const progress = model.engine.progress ?? model.existing?.progress;
  switch (progress?.phase) {
    case 'replay':
      return 'Replay';
    case 'cutover':
      return 'Cut over';
    case 'done':
      return 'Done';
    case 'failed':
      if (progress.cutover.length > 0) return 'Cut over';
      return progress.replay.applied_lsn === null ? 'Copy' : 'Replay';
    default:
      return 'Copy';
  }
}

/** Where the migration stands, as the rail shows it: everything before this step is done. */
export function railStep(model: Model): RailStep {
  switch (model.screen) {
    case 'opening':
    case 'connect':
      return 'Connect';
    case 'checks':
      return 'Checks';
    case 'identity':
      return 'Identity';
    case 'hypertables':
    case 'plan':
      return 'Plan';
    case 'failed':
      return model.engine.progress ? phaseStep(model) : 'Plan';
    case 'resume':
    case 'dashboard':
      return phaseStep(model);
    case 'cutover':
      return 'Cut over';
    case 'done':
      return 'Done';
    default:
      return model.screen satisfies never;
  }
}
