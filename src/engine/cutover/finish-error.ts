import type { MigrateError } from '../../errors/migrate-error.ts';
import { PipeError } from '../copy/pipe.ts';
import { explain } from '../error-policy.ts';

/** For `.catch`: a step of the cut-over failed on the target (of a COPY into it: on its side), with TM6005 or, where time may heal it, TM1110. */
export const failedFinish =
  (
    object: string,
    doing: string,
    hint = 'Nothing is lost, replay goes on. Remove the cause on the target, then cut over again.',
  ) =>
  (error: unknown): never => {
    throw explain(error instanceof PipeError ? error.cause : error, {
      code: 'TM6005',
      retryCode: 'TM1110',
      side: error instanceof PipeError ? error.side : 'target',
      object,
      doing,
      hint,
    }) satisfies MigrateError;
  };
