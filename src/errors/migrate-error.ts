import { ERROR_KINDS, type ErrorCode, type ErrorKind } from './codes.ts';

export type Side = 'source' | 'target' | 'local';

export interface ErrorDetail {
  /** What happened, in one sentence, without the code. */
  readonly message: string;
  /** On which side. */
  readonly side?: Side | undefined;
  /** The object it happened to: a table, a slot, a file. */
  readonly object?: string | undefined;
  /** What to do next. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** The wire and file form of an error; `null`-free, secrets removed by whoever builds the message. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly side?: Side | undefined;
  readonly object?: string | undefined;
  readonly hint: string;
}

/** An error that an operator can act on: what, on which side, to which object, and what to do next. */
export class MigrateError extends Error {
  readonly code: ErrorCode;
  readonly side: Side | undefined;
  readonly object: string | undefined;
  readonly hint: string;

  constructor(code: ErrorCode, detail: ErrorDetail) {
    super(detail.message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'MigrateError';
    this.code = code;
    this.side = detail.side;
    this.object = detail.object;
    this.hint = detail.hint ?? ERROR_KINDS[code].explain;
  }

  get kind(): ErrorKind {
    return ERROR_KINDS[this.code];
  }

  report(): ErrorReport {
    return { code: this.code, message: this.message, side: this.side, object: this.object, hint: this.hint };
  }
}

/** Any thrown thing as a `MigrateError`; what is not one already is TM9001. */
export function toMigrateError(error: unknown): MigrateError {
  if (error instanceof MigrateError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new MigrateError('TM9001', { message: message || 'unknown error', cause: error });
}

/** `TM1104 source: password authentication failed for user "x"` and the hint on a line of its own. */
export function formatError(error: ErrorReport): string {
  const where = [error.side, error.object].filter(Boolean).join(', ');
  return `${error.code} ${where ? `${where}: ` : ''}${error.message}\n  → ${error.hint.replaceAll('\n', '\n    ')}`;
}
