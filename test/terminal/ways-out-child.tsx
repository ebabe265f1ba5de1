import { writeFileSync } from 'node:fs';
import { runWizard } from '../../src/app.tsx';
import { createFakeServices } from './fake-services.ts';

/**
 * The wizard on the real terminal of this process, attached to an engine in memory. On SIGUSR2 it crashes, or exits
 * without a word to the wizard, as the first argument says; the second names the file for its process id.
 */
const [, , way, pidFile] = process.argv;
process.on('SIGUSR2', () => {
  if (way === 'exit') process.exit(7);
  setImmediate(() => {
    throw new Error('boom');
  });
});
if (pidFile !== undefined) writeFileSync(pidFile, String(process.pid));

const services = createFakeServices();
const { progress } = services.engine;
const existing = { running: true, progress, source: 'postgres://a@h/s', target: 'postgres://b@h/t' };
const code = await runWizard(
  { ...services, findMigration: async () => existing },
  { stdin: process.stdin, stdout: process.stdout, env: process.env },
);
// React's development build leaves a mark for every render.
process.stdout.write(`renders-noted=${performance.getEntriesByType('measure').length}\n`);
process.exit(code);
