import { planServer, type ServerPlan } from '../../engine/roles/plan-server.ts';
import { readServerProperties, type ServerProperties } from '../../engine/roles/server-properties.ts';
import { CREATED_ROLE, isTried, NOT_DONE, type OpenStep, type Step } from '../../engine/roles/step.ts';
import { recordedObjects } from '../../engine/target/progress-schema.ts';
import { attemptsTogether } from '../../postgres/attempts.ts';
import type { CheckRun } from '../check.ts';
import type { Fact } from '../fact.ts';
import { server } from './server.ts';

/** Roles, settings and the rights on what nobody has made, in one query. */
export const serverProperties: Fact<ServerProperties> = {
  read: async (client, ask) => readServerProperties(client, (await ask(server)).versionNumber),
};

/** What the target still lacks of them. */
export async function serverPlan({ ask, target, options, resuming }: CheckRun): Promise<ServerPlan> {
  return planServer({
    source: await ask('source', serverProperties),
    target: await ask('target', serverProperties),
    created: resuming ? await recordedObjects(target, CREATED_ROLE) : new Set(),
    ...options,
  });
}

/**
 * Which of these steps will not be done, and why: tries them all, in this order, and takes them back. `before`: what they build on; not
 * told.
 */
export async function openSteps(
  { target }: CheckRun,
  steps: readonly Step[],
  before: readonly Step[] = [],
): Promise<OpenStep[]> {
  if (steps.length === 0) return [];
  const tried = [...before, ...steps].filter(isTried);
  const answers = await attemptsTogether(
    target,
    tried.map((step) => (step.trial === undefined ? step : { sql: step.trial })),
    NOT_DONE,
  );
  const refusals = new Map(tried.map((step, at) => [step, answers[at]?.message]));
  return steps.flatMap((step) => {
    const reason = step.byHand ?? refusals.get(step);
    return reason === undefined ? [] : [{ ...step, reason }];
  });
}

/** The statements as an administrator runs them, one a line. */
export const statementsOf = (steps: readonly Step[]): string[] => steps.map(({ sql }) => `${sql};`);

/** Each kind with the server's first words on it. */
export function reasonsOf(open: readonly OpenStep[]): string {
  const kinds = new Map<string, string>();
  for (const { kind, reason } of open) if (!kinds.has(kind)) kinds.set(kind, reason);
  return [...kinds].map(([kind, reason]) => `${kind}: ${reason}`).join('; ');
}
