import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { keyName } from '../../src/ui/key-table.ts';
import { ALL_TABLES } from '../../src/ui/keys/tables.ts';

/** docs/keys.md, from the same tables as the footer and the help. `node keys.js FILE` writes it. */
export function keysManual(): string {
  const lines = [
    '# Keys',
    '',
    'Generated from the key tables in `src/ui/keys/`; the footer and the help (`?`, or `^G` in a field) come from',
    'the same ones. While a text field takes what is typed, letters are letters: only keys that type nothing are commands.',
    '`^C` is Control and C.',
  ];
  for (const { title, bindings } of ALL_TABLES) {
    lines.push('', `## ${title}`, '', '| key | what it does |', '|---|---|');
    for (const { keys, help } of bindings) {
      const names = keys.map((key) => `\`${keyName(key)}\``).join(' ');
      lines.push(`| ${names} | ${help.replaceAll('|', '\\|')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

const [, script, file] = process.argv;
if (file !== undefined && script === fileURLToPath(import.meta.url)) await writeFile(file, keysManual());
