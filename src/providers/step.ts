import type { ProviderId } from '../engine/options.ts';
import type { ConnectionSettings } from '../postgres/connection-string.ts';

/** What the text of a step may name. It holds no password. */
export interface StepSetting {
  readonly source: Pick<ConnectionSettings, 'host' | 'port' | 'database' | 'user'>;
  readonly target: Pick<ConnectionSettings, 'host' | 'port' | 'database' | 'user'>;
  readonly provider: ProviderId;
}

/** Something that no query can answer: the operator does or looks it up, and ticks it. */
export interface Step {
  /** Stable, kebab-case: `rds-ec2-instance`. */
  readonly id: string;
  readonly title: string;
  readonly why: string;
  /**
   * What to do, one instruction or command a line; both the console's way and the command line's where there are two.
   * No line: there is nothing to do for this very source.
   */
  how(setting: StepSetting): readonly string[];
  /** Absent: for all source kinds. */
  readonly providers?: readonly ProviderId[];
}

/** A step as it stands for one source. */
export interface StepItem {
  readonly id: string;
  readonly title: string;
  readonly why: string;
  readonly how: readonly string[];
  /** When it was ticked (ISO 8601); null: not yet. */
  readonly ticked: string | null;
}
