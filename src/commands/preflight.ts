import type pg from 'pg';
import type { Emit } from '../engine/events.ts';
import type { MigrationOptions, ProviderId } from '../engine/options.ts';
import type { ConnectionSettings } from '../postgres/connection-string.ts';
import type { CheckResult } from '../providers/check.ts';
import { type Ask, createAsk } from '../providers/fact.ts';
import { type DetectedProvider, detectProvider, firstFailure, runChecks } from '../providers/index.ts';

export interface PreflightOptions {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly sourceSettings: ConnectionSettings;
  readonly targetSettings: ConnectionSettings;
  readonly options: MigrationOptions;
  readonly directory: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Facts that were asked for before; absent: nothing is known yet. */
  readonly ask?: Ask;
  /** Told each result as it comes, in full. */
  readonly onResult?: (result: CheckResult) => void;
}

/** Runs the checks of the source's kind, telling each; rejects with the first failure. */
export async function preflight(of: PreflightOptions): Promise<{ provider: ProviderId; results: CheckResult[] }> {
  const ask = of.ask ?? createAsk(of);
  const provider = of.options.provider ?? (await sourceKind({ ...of, ask })).provider;
  const results = await runChecks(
    {
      source: of.source,
      target: of.target,
      sourceSettings: of.sourceSettings,
      targetSettings: of.targetSettings,
      options: of.options,
      provider,
      workDirectory: of.directory,
      resuming: false,
      signal: of.signal,
      ask,
    },
    (result) => {
      of.onResult?.(result);
      of.emit(asEvent(result));
    },
  );
  const failure = firstFailure(results);
  if (failure) throw failure;
  return { provider, results };
}

/** What kind of server the source looks like, and says so. */
export async function sourceKind({
  source,
  emit,
  ask,
}: Pick<PreflightOptions, 'source' | 'emit'> & { readonly ask: Ask }): Promise<DetectedProvider> {
  const detected = await detectProvider(source, ask);
  emit({ type: 'log', text: `Source kind: ${detected.provider} (${detected.evidence})` });
  return detected;
}

const asEvent = ({ code: _, apply: __, restart: ___, ...result }: CheckResult) => ({
  type: 'check' as const,
  ...result,
});
