import type { ProviderId } from '../engine/options.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { type ConnectionSettings, describeServer } from '../postgres/connection-string.ts';
import type { StepItem, StepSetting } from '../providers/step.ts';
import { stepsFor } from '../providers/steps.ts';
import { rememberedTicks, rememberTicks } from './remembered.ts';

export interface HandStepsInput {
  readonly directory: string;
  readonly source: ConnectionSettings;
  readonly target: ConnectionSettings;
  readonly provider: ProviderId;
}

const key = ({ source, provider }: HandStepsInput): string => `${describeServer(source)} ${provider}`;

/** The text of a step may name a server, never how to get in. */
const nameable = ({ host, port, database, user }: ConnectionSettings): StepSetting['source'] => ({
  host,
  port,
  database,
  user,
});
const setting = ({ source, target, provider }: HandStepsInput): StepSetting => ({
  source: nameable(source),
  target: nameable(target),
  provider,
});

/** What no query can answer, with what was ticked in this work directory for this source and source kind. */
export const handSteps = (input: HandStepsInput): StepItem[] =>
  stepsFor(setting(input), rememberedTicks(input.directory, key(input)));

/**
 * Ticks steps, or takes the ticks away; gives all steps as they are then. Throws TM1001 when one is not among the steps of
 * this source kind, TM1302 when it can't be remembered.
 */
export function tickSteps(input: HandStepsInput, ids: readonly string[], ticked: boolean): StepItem[] {
  const known = handSteps(input).map(({ id }) => id);
  const unknown = ids.find((id) => !known.includes(id));
  if (unknown !== undefined) {
    throw new MigrateError('TM1001', {
      side: 'local',
      object: unknown,
      message: `no step of a ${input.provider} source is called ${JSON.stringify(unknown)}`,
      hint: `The steps are: ${known.join(', ')}.`,
    });
  }
  const now = ticked ? new Date().toISOString() : null;
  return stepsFor(
    setting(input),
    rememberTicks(input.directory, key(input), Object.fromEntries(ids.map((id) => [id, now]))),
  );
}
