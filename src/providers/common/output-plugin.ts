import { pluginOf } from '../../engine/options.ts';
import type { Check } from '../check.ts';
import { settings } from '../facts/settings.ts';
import { fail, pass } from '../outcome.ts';
import { parameterFix } from '../parameter-fix.ts';

/** `a, "b, c",d` → a | b, c | d */
export const librariesIn = (list: string): string[] =>
  [...list.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,"]+))\s*(?:,|$)/g)]
    .map(([, quoted, plain]) => (quoted === undefined ? (plain ?? '').trim() : quoted.replaceAll('""', '"')))
    .filter(Boolean);

/**
 * An allow-list since the minor releases of 2026 (CVE-2026-6471). Names are compared as they stand.
 * https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-OUTPUT-PLUGIN-LIBRARIES
 */
export const outputPlugin: Check = {
  id: 'source-output-plugin',
  side: 'source',
  title: 'Output plugin allowed',
  severity: 'fail',
  wanted: 'the output plugin of this migration (--plugin; else by the kind of source) in output_plugin_libraries',
  why: 'It turns the WAL into row changes. The server loads only those that this list allows.',
  fix: "ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', 'test_decoding', 'wal2json'; SELECT pg_reload_conf();",
  async run(run) {
    const plugin = pluginOf(run.options, run.provider).name;
    const list = (await run.ask('source', settings)).shown('output_plugin_libraries');
    if (list === null) return pass(`${plugin}: this release allows every installed one`);
    const allowed = librariesIn(list);
    if (allowed.includes(plugin)) return pass(`${plugin} is allowed`);
    const elements = [...allowed, plugin];
    const change = { name: 'output_plugin_libraries', value: elements.join(', '), elements, restart: false };
    return fail('TM1206', `output_plugin_libraries = '${list}' leaves out ${plugin}`, await parameterFix(run, change));
  },
};
