import { join } from 'node:path';
import { expect, inject, onTestFinished } from 'vitest';
import { RunningEngine } from '../support/engine-process.ts';
import { nodeWarnings } from '../support/node-warnings.ts';

/** The engine of the program that was compiled for this run of the tests, which fail when Node has to warn in it. */
export class EngineProcess extends RunningEngine {
  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    super(join(inject('compiled'), 'cli.js'), args, env);
    onTestFinished(() => {
      expect(nodeWarnings(this.stderr), 'on standard error').toEqual([]);
    });
  }
}
