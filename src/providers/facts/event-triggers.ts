import type pg from 'pg';
import { quoteIdent } from '../../postgres/identifiers.ts';

/** An event trigger that fires for a command. */
export interface EventTrigger {
  readonly name: string;
  /** `O` or `A`, as pg_event_trigger has it. */
  readonly enabled: string;
  /** As contexts of errors name it: `public.no_ddl()`. */
  readonly calls: string;
}

const FIRING = `
SELECT evtname AS name, evtenabled::text AS enabled, evtfoid::regprocedure::text AS calls FROM pg_event_trigger
 WHERE evtenabled IN ('O', 'A') AND evtevent IN ('ddl_command_start', 'ddl_command_end', 'sql_drop')
   AND ($1::json IS NULL OR evttags IS NULL OR evttags && ARRAY(SELECT json_array_elements_text($1::json))) ORDER BY evtname`;

/** Those that fire for commands with one of these tags; null: with any. https://www.postgresql.org/docs/current/event-trigger-matrix.html */
export async function eventTriggersFor(client: pg.Client, tags: readonly string[] | null): Promise<EventTrigger[]> {
  const { rows } = await client.query<{ name: string; enabled: string; calls: string }>(FIRING, [
    tags && JSON.stringify(tags),
  ]);
  return rows;
}

/** Those whose function an error came from, as its context says. Pure. */
export const triggersNamed = (triggers: readonly EventTrigger[], context: string): readonly EventTrigger[] =>
  triggers.filter(({ calls }) => context.includes(`function ${calls} `));

/**
 * Those of the triggers that may have refused a command: the ones whose function the error came from, as far as its context tells.
 * Empty: none of them did. Pure.
 */
export function refusingTriggers(
  triggers: readonly EventTrigger[],
  { state, context }: { readonly state: string; readonly context: string },
): readonly EventTrigger[] {
  const named = triggersNamed(triggers, context);
  if (named.length > 0) return named;
  // The server's own refusal; a trigger's function in another language leaves no context.
  return state === '42501' ? [] : triggers;
}

/** SQL that switches them off for the time of a migration, and on again. */
export const switchOff = (triggers: readonly EventTrigger[]): string[] => [
  `As the owner of the event trigger or a superuser, for the time of the migration: ${triggers
    .map(({ name }) => `ALTER EVENT TRIGGER ${quoteIdent(name)} DISABLE;`)
    .join(' ')}`,
  `After clean: ${triggers
    .map(({ name, enabled }) => `ALTER EVENT TRIGGER ${quoteIdent(name)} ENABLE${enabled === 'A' ? ' ALWAYS' : ''};`)
    .join(' ')}`,
];
