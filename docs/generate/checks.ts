import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PROVIDERS, type ProviderId } from '../../src/engine/options.ts';
import type { Check, Severity } from '../../src/providers/check.ts';
import { ALL_CHECKS } from '../../src/providers/index.ts';
import type { Step } from '../../src/providers/step.ts';
import { ALL_STEPS } from '../../src/providers/steps.ts';
import { PROVIDER_TITLES } from '../../src/screens/provider-titles.ts';

const SIDES: Readonly<Record<Check['side'], string>> = {
  source: 'On the source',
  target: 'On the target',
  local: 'On this machine',
};

const SEVERITIES: Readonly<Record<Severity, string>> = {
  fail: 'blocks the migration',
  warn: 'warns',
  info: 'tells',
};

/** What stands in for the names of the operator's own servers. */
const server = (side: 'source' | 'target') => ({
  host: `${side.toUpperCase()}_HOST`,
  port: 5432,
  database: side === 'source' ? 'SOURCE_DB' : 'tsdb',
  user: side === 'source' ? 'SOURCE_USER' : 'tsdbadmin',
});

const kinds = ({ providers }: Pick<Check, 'providers'>): string =>
  providers === undefined || providers.length === PROVIDERS.length
    ? 'every kind of source'
    : providers.map((id) => PROVIDER_TITLES[id]).join(', ');

const escaped = (text: string): string => text.replace(/[\\*<[`]/g, '\\$&');
const fenced = (lines: readonly string[]): string[] => ['  ```text', ...lines.map((line) => `  ${line}`), '  ```'];

const checkLines = (check: Check): string[] => [
  '',
  `### ${escaped(check.title)}`,
  '',
  `\`${check.id}\` · ${SEVERITIES[check.severity]} · ${kinds(check)}`,
  '',
  `- Wanted: ${escaped(check.wanted)}`,
  `- Why: ${escaped(check.why)}`,
  '- Fix:',
  '',
  ...fenced(check.fix.split('\n')),
];

function stepLines(step: Step): string[] {
  const provider: ProviderId = step.providers?.[0] ?? 'selfhosted-postgres';
  return [
    '',
    `### ${escaped(step.title)}`,
    '',
    `\`${step.id}\` · ${kinds(step)}`,
    '',
    `- Why: ${escaped(step.why)}`,
    '- How:',
    '',
    ...fenced(step.how({ source: server('source'), target: server('target'), provider })),
  ];
}

const count = (provider: ProviderId, things: readonly Pick<Check, 'providers'>[]): number =>
  things.filter(({ providers }) => providers === undefined || providers.includes(provider)).length;

/** docs/checks.md, from the checks and the steps themselves. `node checks.js FILE` writes it. Throws when an id is not its own. */
export function checksManual(): string {
  const ids = [...ALL_CHECKS, ...ALL_STEPS].map(({ id }) => id);
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) throw new Error(`two checks or steps are called ${twice}`);
  const lines = [
    '# Checks',
    '',
    'Generated from the checks and steps in `src/providers/`. The wizard runs the checks of its tab, `check` those of the',
    "source's kind (`--provider`, or what the server looks like), and so does every migration before it begins. What was found, and",
    'the fix with the real names filled in, stands there; here is what each check wants and why. A check that *blocks* ends',
    '`check` with exit code 3 and keeps a migration from beginning. Some fixes can be run from the wizard, after a yes.',
    '',
    'Steps are what no query can find out: they are done by hand, and ticked with Space in the wizard or with',
    '`check --tick ID`. Ticks are remembered in the work directory, for each source and source kind.',
    '',
    '![A check that fails, and its fix](frames/checks.svg)',
    '',
    'The other tabs: [Self-hosted TimescaleDB](frames/checks-selfhosted-timescaledb.svg), [RDS/Aurora](frames/checks-rds.svg),',
    '[MST](frames/checks-mst.svg); [waiting for a restart](frames/checks-restart.svg); [replica identity](frames/identity.svg).',
    '',
    '| kind of source | checks | steps |',
    '|---|---|---|',
    ...PROVIDERS.map(
      (id) => `| ${PROVIDER_TITLES[id]} (\`${id}\`) | ${count(id, ALL_CHECKS)} | ${count(id, ALL_STEPS)} |`,
    ),
  ];
  for (const side of ['source', 'target', 'local'] as const) {
    lines.push('', `## ${SIDES[side]}`, ...ALL_CHECKS.filter((check) => check.side === side).flatMap(checkLines));
  }
  lines.push('', '## Steps that are done by hand', ...ALL_STEPS.flatMap(stepLines));
  return `${lines.join('\n')}\n`;
}

const [, script, file] = process.argv;
if (file !== undefined && script === fileURLToPath(import.meta.url)) await writeFile(file, checksManual());
