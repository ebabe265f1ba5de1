import { setTimeout as delay } from 'node:timers/promises';
import type { Phase } from '../../src/engine/events.ts';
import { withClient } from '../support/test-servers.ts';
import type { Application } from './application.ts';
import type { Migration } from './migration.ts';
import { type Servers, TARGET_DATABASE } from './servers.ts';

/** What a fault works on. */
export interface FaultStage {
  readonly servers: Servers;
  readonly migration: Migration;
  readonly application: Application;
  /** Draws that belong to this fault: the same for the same seed. */
  readonly number: number;
}

type Fault = (stage: FaultStage) => Promise<void>;

/** How long what heals by itself lasts, in the application's transactions. */
const WHILE = 60;
/** With no application at work, by the clock. */
const LONGEST_MS = 6000;

const untilWritten = async ({ application }: FaultStage, count = WHILE): Promise<void> => {
  const [until, deadline] = [application.transactions + count, performance.now() + LONGEST_MS];
  while (application.transactions < until && performance.now() < deadline) await delay(10);
};

const onTarget = (stage: FaultStage, ...statements: readonly string[]): Promise<void> =>
  withClient(stage.servers.targetAdmin, async (client) => {
    for (const statement of statements) await client.query(statement);
  });

const onSource = (stage: FaultStage, ...statements: readonly string[]): Promise<void> =>
  withClient(stage.servers.sourceAdmin, async (client) => {
    for (const statement of statements) await client.query(statement);
  });

const OURS = `application_name LIKE 'tiger-migrate-tui%' AND pid <> pg_backend_pid()`;
const KILL = (which: string) => `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${which}`;

export const FAULTS = {
  'kill -9 of the engine': ({ migration }) => migration.restart('SIGKILL'),
  'SIGTERM of the engine': ({ migration }) => migration.restart('SIGTERM'),
  'source restarted fast': ({ servers }) => servers.source.restart('fast'),
  'source crashed': ({ servers }) => servers.source.restart('immediate'),
  'target restarted fast': ({ servers }) => servers.target.restart('fast'),
  'target crashed': ({ servers }) => servers.target.restart('immediate'),
  'walsender killed': (stage) => onSource(stage, KILL(`backend_type = 'walsender'`)),
  'sessions on the source killed': (stage) => onSource(stage, KILL(OURS)),
  'sessions on the target killed': (stage) => onTarget(stage, KILL(OURS)),
  'one session on the target killed': (stage) => onTarget(stage, `${KILL(OURS)} AND pid % 3 = ${stage.number % 3}`),
  'checkpoints and WAL switches': async (stage) => {
    const storm = ['SELECT pg_switch_wal()', 'CHECKPOINT'];
    for (let round = 0; round < 4; round += 1)
      await Promise.all([onSource(stage, ...storm), onTarget(stage, ...storm)]);
  },
  'target read-only': async (stage) => {
    await onTarget(stage, 'ALTER SYSTEM SET default_transaction_read_only = on', 'SELECT pg_reload_conf()');
    await untilWritten(stage);
    await onTarget(
      stage,
      'SET default_transaction_read_only = off',
      'ALTER SYSTEM RESET default_transaction_read_only',
      'SELECT pg_reload_conf()',
    );
  },
  'no connections left on the target': async (stage) => {
    await onTarget(stage, 'ALTER ROLE tsdbadmin CONNECTION LIMIT 0', KILL(OURS));
    await untilWritten(stage);
    await onTarget(stage, 'ALTER ROLE tsdbadmin CONNECTION LIMIT -1');
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;

/** A fault, and when: so many transactions of the application after the phase has begun. */
export interface PlannedFault {
  readonly name: FaultName;
  readonly phase: Phase;
  readonly after: number;
  readonly number: number;
}

/** Waits for the moment, and does it. */
export async function inject(fault: PlannedFault, stage: Omit<FaultStage, 'number'>): Promise<void> {
  const { migration, application } = stage;
  await migration.reached(fault.phase);
  const from = application.transactions;
  await migration.until(() => application.transactions >= from + fault.after, `fault ${fault.name}`);
  if (!migration.done) await FAULTS[fault.name]({ ...stage, number: fault.number });
}

export { TARGET_DATABASE };
