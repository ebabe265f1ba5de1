import { join } from 'node:path';
import { inject } from 'vitest';
import { RunningEngine } from '../support/engine-process.ts';

/** The engine of the program that was compiled for this run of the tests. */
export class EngineProcess extends RunningEngine {
  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    super(join(inject('compiled'), 'cli.js'), args, env);
  }
}
