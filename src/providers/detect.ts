import type pg from 'pg';
import type { ProviderId } from '../engine/options.ts';
import { type Ask, createAsk } from './fact.ts';
import type { Platform } from './platforms/platform.ts';
import { platform as platformFact, tabOf } from './platforms.ts';

/** What kind of server a source looks like. */
export interface DetectedProvider {
  readonly provider: ProviderId;
  /** By what we can tell, for people. */
  readonly evidence: string;
  readonly platform: Platform;
  /** Where the platform has no tab of its own: which one to use and what is different there. Null: nothing to add. */
  readonly note: string | null;
}

/** What kind of server the source looks like, and by what we can tell. Three queries, less what was asked before. */
export async function detectProvider(
  client: pg.Client,
  ask: Ask = createAsk({ source: client, target: client }),
): Promise<DetectedProvider> {
  const detected = await ask('source', platformFact);
  const { platform, evidence } = detected;
  return {
    provider: tabOf(detected),
    evidence: platform.tab === 'by-extension' && platform.note !== null ? `${platform.label}: ${evidence}` : evidence,
    platform,
    note: platform.note === null ? null : `${platform.label}: ${platform.note}`,
  };
}
