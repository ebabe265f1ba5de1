import type { Lsn } from '../../postgres/lsn.ts';
import type { SpoolPosition } from '../spool/segments.ts';
import type { BoundTable } from './bound-table.ts';
import type { BoundChange } from './segment.ts';

/** One thing to do on the target; row changes that follow each other are one step. */
export type Step =
  | { readonly kind: 'rows'; readonly changes: BoundChange[] }
  | {
      readonly kind: 'truncate';
      readonly tables: readonly BoundTable[];
      readonly cascade: boolean;
      readonly restartIdentity: boolean;
      /** Some table of the TRUNCATE was copied later and holds newer rows: nothing may cascade to it. */
      readonly partly: boolean;
      /** A position inside the commit record of its transaction. */
      readonly commitLsn: Lsn;
    }
  | { readonly kind: 'forget'; readonly table: BoundTable }
  /** The rows of a chunk that is gone make room for those of the one with the same boundaries. */
  | { readonly kind: 'take-over'; readonly table: BoundTable };

/** Where whole transactions end: the LSN behind the last commit, and what of the spool is not needed any more then. */
export interface Reached {
  readonly lsn: Lsn;
  readonly position: SpoolPosition;
}

/**
 * Work for the target, in the order of the source: whole transactions up to the last commit, and behind it, as long as
 * its commit has not been read, the beginning of one more.
 */
export class Batch {
  readonly steps: Step[] = [];
  readonly messages: string[] = [];
  changes = 0;
  /** Size of the messages that the changes came in. */
  bytes = 0;
  transactions = 0;
  reached: Reached | null = null;
  /** How much there was at the last commit. */
  #whole = { steps: 0, changesInLastStep: 0, changes: 0, bytes: 0, messages: 0 };

  addRow(change: BoundChange, bytes: number): void {
    const last = this.steps.at(-1);
    if (last?.kind === 'rows') last.changes.push(change);
    else this.steps.push({ kind: 'rows', changes: [change] });
    this.changes += 1;
    this.bytes += bytes;
  }

  addStep(step: Exclude<Step, { kind: 'rows' }>): void {
    this.steps.push(step);
    if (step.kind === 'truncate') this.changes += 1;
  }

  commit(reached: Reached): void {
    const last = this.steps.at(-1);
    this.transactions += 1;
    this.reached = reached;
    this.#whole = {
      steps: this.steps.length,
      changesInLastStep: last?.kind === 'rows' ? last.changes.length : 0,
      changes: this.changes,
      bytes: this.bytes,
      messages: this.messages.length,
    };
  }

  /** Cuts off and gives what stands behind the last commit. */
  splitAtCommit(): Batch {
    const whole = this.#whole;
    const rest = new Batch();
    rest.steps.push(...this.steps.splice(whole.steps));
    const last = this.steps.at(-1);
    if (last?.kind === 'rows') {
      const changes = last.changes.splice(whole.changesInLastStep);
      if (changes.length > 0) rest.steps.unshift({ kind: 'rows', changes });
    }
    rest.messages.push(...this.messages.splice(whole.messages));
    rest.changes = this.changes - whole.changes;
    rest.bytes = this.bytes - whole.bytes;
    this.changes = whole.changes;
    this.bytes = whole.bytes;
    return rest;
  }
}
