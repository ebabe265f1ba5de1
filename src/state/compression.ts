import type { CompressionReport } from '../engine/events.ts';
import type { Model } from './model.ts';

/** How the compression of chunks stands after the end, as the screens tell it. */
export type CompressionView = CompressionReport & {
  /** An engine is at it, and we are attached; it has stopped before its end; nothing more will be tried. */
  readonly now: 'running' | 'stopped' | 'done';
};

/** Null: there was nothing to compress. */
export function compressionOf({ engine }: Model): CompressionView | null {
  const report = engine.progress?.compression ?? null;
  if (!report) return null;
  if (report.state === 'running') return { ...report, now: engine.state === 'attached' ? 'running' : 'stopped' };
  // Also when some can't be compressed at present: another try is as good as going on.
  const isStopped = report.chunks_done < report.chunks_total;
  return { ...report, now: isStopped ? 'stopped' : 'done' };
}

/** An engine compresses now. */
export const isCompressing = (model: Model): boolean => compressionOf(model)?.now === 'running';

/** It can be gone on with. */
export const canCompressOn = (model: Model): boolean => compressionOf(model)?.now === 'stopped' && !model.watch;
