import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { RUNNING_RULES } from '../../src/engine/error-rules.ts';
import { ERROR_KINDS, type ErrorKind } from '../../src/errors/codes.ts';

/** The first two digits of a code say where it comes from. */
const GROUPS: Readonly<Record<string, string>> = {
  '10': 'The command line',
  '11': 'Connecting',
  '12': 'Checks: what keeps a migration from beginning',
  '13': 'The work directory and other engines',
  '20': 'The schema',
  '30': 'The copy',
  '40': 'The stream of changes and the spool',
  '50': 'Replay',
  '60': 'The cut-over',
  '70': 'Verification',
  '80': 'The demo',
  '90': 'The program itself',
};

const POLICIES: Readonly<Record<ErrorKind['policy'], string>> = {
  retry: 'is tried again by itself',
  operator: 'needs somebody to act; goes on afterwards',
  stop: 'ends the command',
};

const DOES = { retry: 'tries again', operator: 'waits for you' } as const;

/** What a migration that has begun does about the errors of servers and network. */
function consequences(): string[] {
  return [
    '',
    '## What a migration that has begun does about servers and network',
    '',
    'From `src/engine/error-rules.ts`. *Tries again*: time heals it; by itself, at growing intervals of up to 30 seconds, for as long',
    'as it takes. *Waits for you*: somebody must act first; the engine keeps running, looks again every 5 seconds and goes on',
    'by itself once it fits. Dashboard and `status` show which it is, since when, and what to do. What is not named here',
    'ends the engine; what is done stays, and `migrate --resume` goes on from it.',
    '',
    '| SQLSTATE, class (`08`) or code | what has happened | the engine | why | what to do |',
    '|---|---|---|---|---|',
    ...RUNNING_RULES.map(
      ({ on, title, policy, why, hint }) =>
        `| ${on.map((code) => `\`${code}\``).join(' ')} | ${title} | ${DOES[policy]} | ${why} | ${hint} |`,
    ),
  ];
}

/** docs/errors.md, from the table of error codes. `node errors.js FILE` writes it. Throws when a group has no title. */
export function errorsManual(): string {
  const lines = [
    '# Errors',
    '',
    'Generated from `src/errors/codes.ts`. Every error has a code, which stays the same, and is told in this form, on',
    'standard error and as an `error` event with `--json`:',
    '',
    '```',
    'CODE side, object: what happened',
    '  → what to do next',
    '```',
    '',
    'A migration that has begun can be resumed after any of them unless its text says otherwise. The exit code is that of a',
    'command that ends with the error.',
  ];
  lines.push(...consequences());
  let group = '';
  for (const [code, { title, explain, policy, exit }] of Object.entries<ErrorKind>(ERROR_KINDS)) {
    if (code.slice(2, 4) !== group) {
      group = code.slice(2, 4);
      const heading = GROUPS[group];
      if (heading === undefined) throw new Error(`no title for the errors TM${group}…`);
      lines.push(
        '',
        `## ${heading}`,
        '',
        '| code | error | what it means | consequence | exit |',
        '|---|---|---|---|---|',
      );
    }
    const cells = [`\`${code}\``, title, explain, POLICIES[policy], String(exit)];
    lines.push(`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
  }
  return `${lines.join('\n')}\n`;
}

const [, script, file] = process.argv;
if (file !== undefined && script === fileURLToPath(import.meta.url)) await writeFile(file, errorsManual());
