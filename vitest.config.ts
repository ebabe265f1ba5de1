import { defineConfig } from 'vitest/config';

/**
 * Two projects, so that the quick tests do not wait for servers: `unit` shares none; `servers` starts one source and one
 * target for the whole run (test/support/global-setup.ts). Suites below test/soak run for long and by hand only:
 * `npx vitest run --project soak`.
 */
/** One more try in CI, where the machine is shared; what needed it is named in the summary, and is a defect all the same. */
const retry = process.env.CI ? 1 : 0;
/** Limits that only end what hangs: no test is judged by how long it takes, and CI's machine may be half as fast. */
const shared = { pool: 'forks', testTimeout: 300_000, hookTimeout: 300_000, retry } as const;
const globalSetup = ['test/support/global-setup.ts'];

export default defineConfig({
  test: {
    // Tests of servers wait more than they compute.
    maxWorkers: 3,
    reporters: ['default', './test/support/summary-reporter.ts'],
    projects: [
      { test: { ...shared, name: 'unit', include: ['test/{unit,terminal}/**/*.test.{ts,tsx}'] } },
      {
        test: {
          ...shared,
          name: 'servers',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: ['test/{unit,terminal}/**', 'test/soak/**'],
          globalSetup,
        },
      },
      ...(process.argv.some((argument) => /\bsoak\b/.test(argument))
        ? [{ test: { ...shared, name: 'soak', include: ['test/soak/**/*.test.ts'], testTimeout: 0, globalSetup } }]
        : []),
    ],
  },
});
