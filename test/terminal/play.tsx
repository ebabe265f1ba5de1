import { runWizard } from '../../src/app.tsx';
import type { ErrorReport } from '../../src/errors/migrate-error.ts';
import { MigrateError } from '../../src/errors/migrate-error.ts';
import { createFakeServices, type FakeEngine, type FakeServices } from './fake-services.ts';
import { copySteps, cutoverSteps, replaySteps } from './scripted-migration.ts';
import { SOURCE_URI, TARGET_URI } from './shop.ts';

/**
 * The wizard against the in-memory services, on a real terminal, to be looked at:
 * `node play.js [slow|filled|resume|running|watch|fail|lose|trouble|refuse]`
 */
const how = new Set(process.argv.slice(2));

const LOST: ErrorReport = {
  code: 'TM1306',
  message: 'the engine process is gone',
  side: 'local',
  hint: 'Resume the migration; the log says how the engine ended.',
};
const SLOT_LOST: ErrorReport = {
  code: 'TM4002',
  message: 'replication slot tiger_migrate_shop was invalidated (wal_removed)',
  side: 'source',
  object: 'slot tiger_migrate_shop',
  hint: 'Raise max_slot_wal_keep_size, clean, and start the migration again: the tables must be copied anew.',
};

/** What can go wrong on the way, by the word on the command line. */
function mishap(engine: FakeEngine): void {
  if (how.has('lose')) engine.hangUp(LOST);
  if (how.has('trouble') || how.has('fail')) engine.say({ type: 'error', error: SLOT_LOST }, Date.now());
  if (how.has('fail')) engine.say({ type: 'phase', phase: 'failed' }, Date.now());
}

function playEngine(services: FakeServices): void {
  const { engine } = services;
  let steps = copySteps();
  let replaying = false;
  engine.onCutover = () => {
    steps = cutoverSteps();
    replaying = true;
  };
  let said = 0;
  const timer = setInterval(() => {
    said += 1;
    if (said === 12) mishap(engine);
    const step = steps.next();
    if (step.done) {
      if (replaying) return clearInterval(timer);
      steps = replaySteps();
      replaying = true;
      return;
    }
    for (const payload of step.value) engine.say(payload, Date.now());
  }, 500);
  timer.unref();
}

const REFUSED = new MigrateError('TM1303', {
  message: 'another engine migrates into this database (pid 4711 on host ops-2)',
  side: 'target',
  object: 'tsdb',
  hint: 'Attach to that one, or stop it first.',
});

async function main(): Promise<number> {
  const filled = how.has('filled');
  const base = createFakeServices({
    latencyMs: how.has('slow') ? 400 : 30,
    ...(how.has('refuse') ? { fail: { start: REFUSED, resume: REFUSED } } : {}),
    ...(filled ? { prefill: { source: SOURCE_URI, target: TARGET_URI } } : {}),
  });
  const { progress } = base.engine;
  const known = { progress, source: SOURCE_URI.replace(':s3cret', ''), target: TARGET_URI.replace(':t0psecret', '') };
  const started = (): void => playEngine(base);
  const services: FakeServices = {
    ...base,
    findMigration: async () => {
      if (how.has('running') || how.has('watch')) return { ...known, running: true };
      return how.has('resume') ? { ...known, running: false } : null;
    },
    start: async (input) => {
      const link = await base.start(input);
      started();
      return link;
    },
    attach: async () => {
      const link = await base.attach();
      started();
      return link;
    },
    resume: async (connections) => {
      const link = await base.resume(connections);
      started();
      return link;
    },
  };
  return runWizard(services, {
    stdin: process.stdin,
    stdout: process.stdout,
    env: process.env,
    watch: how.has('watch'),
  });
}

process.exit(await main());
