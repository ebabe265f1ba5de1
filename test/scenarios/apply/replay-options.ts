import type { PluginName } from '../../../src/engine/decode/plugin.ts';
import type { LivenessTimes } from '../../../src/engine/liveness.ts';

export interface ReplayOptions {
  /** The tables, made alike on both sides. */
  readonly tables: string;
  /** Rows that are there before the slot: written alike on both sides, as a copy would have. */
  readonly rows?: string;
  /** The source's output plugin. Default pgoutput. */
  readonly plugin?: PluginName;
  /** The stream carries values in binary form. Default false. */
  readonly binary?: boolean;
  /** Bytes after which the spool begins a new segment. */
  readonly segmentBytes?: number;
  /** The port by which the applier reaches the target: that of a proxy. */
  readonly applierPort?: number;
  /** The same for the receiver and the source. */
  readonly receiverPort?: number;
  readonly liveness?: LivenessTimes;
}
