import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a migration changes rightly: owners and grantors, publications, our own schema. Privileges are compared from the catalogs. */
const ARGUMENTS = [
  '--schema-only',
  '--no-owner',
  '--no-privileges',
  '--no-tablespaces',
  '--no-publications',
  '--no-subscriptions',
  '--exclude-schema=tiger_migrate',
  '--encoding=UTF8',
];
const OPTIONS = '-c standard_conforming_strings=on -c quote_all_identifiers=off -c client_min_messages=warning';
const HEADER = /(?<![^\n])--\n-- Name: ([^\n]*); Type: ([^\n]*?); Schema: ([^\n]*?); Owner: [^\n]*\n--\n/g;

/** Compares what pg_dump prints of two databases, entry by entry. Gives the differences as sentences. */
export async function compareDumps(sourceUri: string, targetUri: string): Promise<string[]> {
  const [source, target] = await Promise.all([entries(sourceUri), entries(targetUri)]);
  const differences: string[] = [];
  for (const [name, sql] of source) {
    const other = target.get(name);
    if (other === undefined) differences.push(`pg_dump ${name}: missing on the target\n${sql}`);
    else if (other !== sql) differences.push(`pg_dump ${name}: differs\n  source: ${sql}\n  target: ${other}`);
  }
  for (const [name, sql] of target) {
    if (!source.has(name)) differences.push(`pg_dump ${name}: only on the target\n${sql}`);
  }
  return differences;
}

async function entries(uri: string): Promise<Map<string, string>> {
  const env = { ...process.env, PGOPTIONS: OPTIONS };
  const { stdout } = await run('pg_dump', [...ARGUMENTS, uri], { env, maxBuffer: 2 ** 28 });
  const headers = [...stdout.matchAll(HEADER)];
  const found = new Map<string, string>();
  for (const [index, header] of headers.entries()) {
    const [text, name, type, schema] = header;
    const sql = stdout.slice(header.index + text.length, headers[index + 1]?.index ?? stdout.length);
    const key = `${type} ${schema}.${name}`;
    const again = [...found.keys()].filter((one) => one === key || one.startsWith(`${key} (`)).length;
    found.set(again === 0 ? key : `${key} (${again + 1})`, plain(sql));
  }
  return found;
}

/** Without what stands around the entries: settings, psql's own commands, and the end of the script. */
const plain = (sql: string): string =>
  sql
    .replace(/^(?:SET default_table_access_method = .*|SET default_tablespace = .*|\\(?:un)?restrict .*)$/gm, '')
    .replace(/^--\n-- PostgreSQL database dump complete\n--$/gm, '')
    .replace(/^ALTER (?:FOREIGN )?TABLE [^;]* SET \(pg_attver=\d+\);$/gm, '')
    .trim();
