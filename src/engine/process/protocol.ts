import { z } from 'zod';
import { definitionChangeSchema, engineEventSchema, errorReportSchema } from '../events.ts';
import { migrationOptionsSchema } from '../options.ts';
import { progressSchema } from '../progress.ts';

/** Raised when a message changes its meaning; client and engine must agree. */
export const PROTOCOL_VERSION = 2;

/** Lines of JSON over a Unix socket. The engine speaks first: `hello`, `progress`, then events without a gap. */
export const fromEngineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: z.number(),
    pid: z.number(),
    /** What was said since the engine started, when that was only a moment ago; `progress` holds it already. */
    earlier: z.array(engineEventSchema),
  }),
  z.object({ type: z.literal('progress'), progress: progressSchema }),
  z.object({ type: z.literal('event'), event: engineEventSchema }),
  z.object({ type: z.literal('reply'), id: z.number(), error: errorReportSchema.nullable() }),
  z.object({ type: z.literal('bye'), error: errorReportSchema.nullable() }),
]);
export type FromEngine = z.infer<typeof fromEngineSchema>;

export const actionSchema = z.discriminatedUnion('action', [
  z.object({
    action: z.literal('cutover'),
    /** The name of the target database, as typed. */
    confirm: z.string(),
    freezeSource: z.boolean(),
    override: z.string().nullable(),
  }),
  z.object({
    action: z.literal('go'),
    cutover: migrationOptionsSchema.shape.cutover.unwrap().optional(),
    freezeSource: z.boolean().optional(),
  }),
  /** Copies tables again: patterns as everywhere; none: all that are damaged. */
  z.object({ action: z.literal('resync'), tables: z.array(z.string()) }),
  /** Brings these changed definitions of the source to the target. The operator has seen the statements. */
  z.object({ action: z.literal('carry-over'), changes: z.array(definitionChangeSchema) }),
  z.object({ action: z.literal('stop') }),
]);
export type Action = z.infer<typeof actionSchema>;

export const requestSchema = z.object({ id: z.number(), request: actionSchema });
export type Request = z.infer<typeof requestSchema>;

const LONGEST_LINE = 64 * 1024 * 1024;

/** Takes bytes as they come and gives whole lines. Throws `RangeError` when one does not end. */
export class LineSplitter {
  #rest = '';

  push(text: string): string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > LONGEST_LINE) throw new RangeError('line too long');
    return lines.filter((line) => line !== '');
  }
}
