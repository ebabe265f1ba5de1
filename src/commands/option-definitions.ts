import { type Command, InvalidArgumentError, Option } from 'commander';
import { PLUGINS } from '../engine/decode/plugin.ts';
import { PROVIDERS } from '../engine/options.ts';
import { type HypertableOption, parseHypertable } from '../engine/timescale/hypertable-option.ts';
import { toMigrateError } from '../errors/migrate-error.ts';
import { parseDuration } from './duration.ts';
import { parseSize } from './size.ts';

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 128)
    throw new InvalidArgumentError('It must be a whole number from 1 to 128.');
  return value;
};
const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
};
const rate = (text: string): number => {
  const value = Number(text);
  if (!(value >= 0)) throw new InvalidArgumentError('It must be a number from 0.');
  return value;
};
/** Milliseconds. */
export const duration = (text: string): number => {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(toMigrateError(error).hint);
  }
};
const size = (text: string): number => {
  try {
    return parseSize(text);
  } catch (error) {
    throw new InvalidArgumentError(toMigrateError(error).hint);
  }
};

const hypertables = (text: string, before: HypertableOption[] = []): HypertableOption[] => {
  const option = parseHypertable(text);
  if (option) return [...before, option];
  throw new InvalidArgumentError(
    'It must be written as schema.table=column[,interval][,hash:column:partitions][,compress:age[:segmentby=column+column]].',
  );
};

const COMMON = {
  connections: () => [
    new Option('--source <uri>', 'source database (else SOURCE, PGCOPYDB_SOURCE_PGURI)'),
    new Option('--target <uri>', 'target database (else TARGET, PGCOPYDB_TARGET_PGURI)'),
  ],
  provider: () => [new Option('--provider <kind>', 'source kind; detected when absent').choices([...PROVIDERS])],
  dir: () => [new Option('--dir <dir>', 'work directory (default: ~/.tiger-migrate)')],
  json: () => [new Option('--json', 'newline-delimited JSON on standard output')],
  yes: () => [new Option('--yes', 'ask nothing: take the safe default at every question')],
  debug: () => [new Option('--debug', 'show stack traces')],
} as const;

/**
 * Options that every command takes, so that one set of them fits all in a script. Those that have nothing to do in a
 * command are not in its help.
 */
export function common(command: Command, ...idle: readonly (keyof typeof COMMON)[]): Command {
  for (const name of Object.keys(COMMON) as (keyof typeof COMMON)[]) {
    for (const option of COMMON[name]()) command.addOption(idle.includes(name) ? option.hideHelp() : option);
  }
  return command;
}

/** Options of a migration. */
export const migration = (command: Command): Command =>
  command
    .addOption(
      new Option('--plugin <name>', "the source's output plugin (default: by the source kind)").choices([...PLUGINS]),
    )
    .option('--table-jobs <n>', 'tables copied at once (default: from both servers)', count)
    .option('--index-jobs <n>', 'indexes built at once (default: from the target)', count)
    .option('--split-tables-larger-than <size>', 'copy bigger tables in parts, e.g. 10GB (default: 1GB)', size)
    .option('--skip-table-data <pattern...>', 'schema.table patterns: schema only, no rows')
    .option('--exclude-table-data <pattern...>', 'the same as --skip-table-data')
    .option('--skip-index <name...>', 'indexes that are not built')
    .option('--exclude-index <name...>', 'the same as --skip-index')
    .option('--exclude-table <pattern...>', 'schema.table patterns: left out altogether')
    .option(
      '--inserts-only <pattern...>',
      'schema.table patterns: accept that only inserts are replayed, where the key has a generated column',
    )
    .option('--exclude-schema <name...>', 'schemas that are left out altogether')
    .option(
      '--leave-out <object...>',
      "objects that are left out, each with what depends on it: 'VIEW mon.bg' 'FK CONSTRAINT public.orders orders_code_fkey'",
    )
    .option('--skip-roles', 'create no roles on the target')
    .option('--skip-extensions [name...]', 'create no extensions, or not these')
    .option(
      '--hypertable <table=column>',
      "make a plain table a hypertable: 'public.metrics=time,7 days,hash:device_id:4,compress:30 days:segmentby=device_id'; repeatable",
      hypertables,
    )
    .option('--skip-hypertable-incompatible-objects', "leave out indexes and constraints that a hypertable can't have")
    .option('--no-compress', "leave old chunks to the target's policies: compress none after the cut-over")
    .option('--drop-if-exists', 'drop from the target what the source has too, and start over');

/** Options of the demo. */
export const shop = (command: Command): Command =>
  command
    .option('--scale <factor>', 'size of the shop, 1 is about 300 MB (default: 1)', positive)
    .option('--rate <n>', 'transactions a second that the shop writes (default: 300)', rate);
