import type { MigrationOptions } from '../engine/options.ts';

/** One line of the plan that the operator may change. */
export interface PlanOption {
  readonly id: string;
  readonly label: string;
  readonly explain: string;
  readonly kind: 'text' | 'toggle';
  /** What is shown and, for a text, edited. */
  read(options: MigrationOptions): string;
  /** The changed options, or the reason why the text is not understood. */
  write(options: MigrationOptions, text: string): MigrationOptions | string;
}

/** Names and patterns; spaces and commas inside `"…"` belong to the name. */
const words = (text: string): string[] => text.match(/(?:"(?:[^"]|"")*(?:"|$)|[^\s,"])+/g) ?? [];

/** Types and names; a ; inside `"…"` belongs to the name. */
const objectNames = (text: string): string[] =>
  (text.match(/(?:"(?:[^"]|"")*(?:"|$)|[^;"])+/g) ?? []).map((name) => name.trim()).filter(Boolean);

type ListKey = 'skipTableData' | 'excludeTable' | 'excludeSchema' | 'skipIndex';
const patterns = (key: ListKey, label: string, explain: string): PlanOption => ({
  id: key,
  label,
  explain,
  kind: 'text',
  read: (options) => options[key].join(' '),
  write: (options, text) => ({ ...options, [key]: words(text) }),
});

const jobs = (key: 'tableJobs' | 'indexJobs', label: string, explain: string): PlanOption => ({
  id: key,
  label,
  explain,
  kind: 'text',
  read: (options) => options[key]?.toString() ?? '',
  write: (options, text) => {
    if (text.trim() === '') return { ...options, [key]: null };
    const count = Number(text);
    return Number.isInteger(count) && count >= 1 && count <= 128
      ? { ...options, [key]: count }
      : `${label}: a number from 1 to 128, or nothing for the servers' limits`;
  },
});

const toggle = (key: 'skipRoles' | 'dropIfExists', label: string, explain: string): PlanOption => ({
  id: key,
  label,
  explain,
  kind: 'toggle',
  read: (options) => (options[key] ? 'yes' : 'no'),
  write: (options, text) => ({ ...options, [key]: text === 'yes' }),
});

export const PLAN_OPTIONS: readonly PlanOption[] = [
  patterns(
    'skipTableData',
    'skip table data',
    'patterns schema.table, * and ?: the table is made, its rows stay behind',
  ),
  patterns('excludeTable', 'exclude tables', 'patterns schema.table, * and ?: left out altogether'),
  patterns('excludeSchema', 'exclude schemas', 'names of schemas that are left out altogether'),
  patterns('skipIndex', 'skip indexes', 'patterns of index names that are not built'),
  {
    id: 'leaveOut',
    label: 'leave out',
    explain: 'objects by type and name, a ; between them: VIEW mon.bg; each goes with what depends on it',
    kind: 'text',
    read: ({ leaveOut }) => leaveOut.join('; '),
    write: (options, text) => ({ ...options, leaveOut: objectNames(text) }),
  },
  jobs('tableJobs', 'table jobs', "tables copied at once; empty: from both servers' limits"),
  jobs('indexJobs', 'index jobs', "indexes built at once; empty: from the target's limits"),
  toggle('skipRoles', 'skip roles', 'leave the roles to yourself; owners and grants then follow what is there'),
  {
    id: 'skipExtensions',
    label: 'skip extensions',
    explain: 'names of extensions that are not created on the target, or: all',
    kind: 'text',
    read: ({ skipExtensions }) => (skipExtensions === 'all' ? 'all' : skipExtensions.join(' ')),
    write: (options, text) => ({ ...options, skipExtensions: text.trim() === 'all' ? 'all' : words(text) }),
  },
  toggle('dropIfExists', 'drop if exists', 'drops from the target what the source has too, before starting'),
];
