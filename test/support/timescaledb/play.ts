import { inject } from 'vitest';
import type { CheckResult } from '../../../src/providers/check.ts';
import { applyFix } from '../apply-fix.ts';
import { check } from '../check-context.ts';
import { uriOf } from '../test-servers.ts';
import { realStage, recordedStage, type Stage, type StageDatabase, versionsOffered } from './stage.ts';

const shared = inject('source');

/** Where TimescaleDB itself may be: a server that TIGER_MIGRATE_TEST_TIMESCALEDB names (URI of a superuser), else the test server. */
export const realServer =
  process.env.TIGER_MIGRATE_TEST_TIMESCALEDB ?? uriOf(shared, 'postgres', shared.superuser, shared.password);

/** The versions that it offers, the oldest first. */
export const offered = await versionsOffered(realServer);

/** The versions whose rows are recorded, the oldest first. */
const RECORDED = ['2.14.2', '2.15.3', '2.23.1', '2.28.3'];

/** Scenarios are played on recorded rows, always, and on TimescaleDB itself where a server offers it. */
export const STAGES: readonly { title: string; absent: boolean; open: () => Promise<Stage> }[] = [
  ...RECORDED.map((version) => ({
    title: `rows recorded from TimescaleDB ${version}`,
    absent: false,
    open: () => recordedStage(version),
  })),
  ...(offered.length > 0 ? offered : ['of any version']).map((version) => ({
    title: `TimescaleDB ${version} itself`,
    absent: offered.length === 0,
    open: async () => realStage(realServer, version),
  })),
];

type Role = 'migrator' | 'superuser';

export interface Play {
  readonly stage: Stage;
  /** With the sample. */
  readonly source: StageDatabase;
  /** With the extension and nothing else. */
  readonly target: StageDatabase;
  run(id: string, as?: Role): Promise<CheckResult>;
  /** Runs the offered fix as the wizard would. */
  apply(result: CheckResult, as?: Role): Promise<void>;
}

/** One scenario, with databases of its own. */
export async function play(
  stage: Stage,
  scenario: (play: Play) => Promise<void>,
  contents: 'sample' | 'empty' = 'sample',
): Promise<void> {
  await using source = await stage.create(contents);
  await using target = await stage.create('empty');
  const uris = (as: Role) =>
    as === 'migrator'
      ? { source: source.uri, target: target.uri }
      : { source: source.superuserUri, target: target.superuserUri };
  await scenario({
    stage,
    source,
    target,
    run: (id, as = 'migrator') => check(id, { ...uris(as), provider: 'selfhosted-timescaledb' }),
    apply: (result, as = 'migrator') => applyFix(result, uris(as)),
  });
}

/** `2.23.1` is at least `2.16`. */
export const atLeast = (version: string, wanted: string): boolean =>
  version.localeCompare(wanted, 'en', { numeric: true }) >= 0;
