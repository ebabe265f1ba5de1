import type { MigrateError } from '../../errors/migrate-error.ts';
import { explain } from '../error-policy.ts';

/** For `.catch`: a step of the cut-over failed on the target, with TM6005 or, where time may heal it, TM1110. */
export const failedFinish =
  (object: string, doing: string) =>
  (error: unknown): never => {
    throw explain(error, {
      code: 'TM6005',
      retryCode: 'TM1110',
      side: 'target',
      object,
      doing,
      hint: 'Nothing is lost, replay goes on. Remove the cause on the target, then cut over again.',
    }) satisfies MigrateError;
  };
