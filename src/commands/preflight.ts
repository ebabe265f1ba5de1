import type pg from 'pg';
import type { Emit } from '../engine/events.ts';
import type { MigrationOptions, ProviderId } from '../engine/options.ts';
import type { ConnectionSettings } from '../postgres/connection-string.ts';
import type { CheckResult } from '../providers/check.ts';
import { detectProvider, firstFailure, runChecks } from '../providers/index.ts';

export interface PreflightOptions {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly sourceSettings: ConnectionSettings;
  readonly targetSettings: ConnectionSettings;
  readonly options: MigrationOptions;
  readonly directory: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Runs the checks of the source's kind, telling each; rejects with the first failure. */
export async function preflight(of: PreflightOptions): Promise<CheckResult[]> {
  const provider = of.options.provider ?? (await detect(of));
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
    },
    (result) => of.emit(asEvent(result)),
  );
  const failure = firstFailure(results);
  if (failure) throw failure;
  return results;
}

async function detect({ source, emit }: PreflightOptions): Promise<ProviderId> {
  const { provider, evidence } = await detectProvider(source);
  emit({ type: 'log', text: `Source kind: ${provider} (${evidence})` });
  return provider;
}

const asEvent = ({ code: _, apply: __, ...result }: CheckResult) => ({ type: 'check' as const, ...result });
