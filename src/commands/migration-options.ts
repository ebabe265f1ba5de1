import { type MigrationOptions, migrationOptionsSchema } from '../engine/options.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import type { CommandContext } from './context.ts';

/** What the command line says about a migration, without any defaults. What is not understood is TM1001. */
export function givenOptions(context: CommandContext, flags: Record<string, unknown>): Partial<MigrationOptions> {
  const lists = {
    skipTableData: [...asList(flags.skipTableData), ...asList(flags.excludeTableData)],
    skipIndex: [...asList(flags.skipIndex), ...asList(flags.excludeIndex)],
  };
  const given: Record<string, unknown> = {
    ...flags,
    provider: context.flags.provider,
    skipTableData: lists.skipTableData.length > 0 ? lists.skipTableData : undefined,
    skipIndex: lists.skipIndex.length > 0 ? lists.skipIndex : undefined,
    hypertables: flags.hypertable,
    // Commander says yes where nothing was said.
    compress: flags.compress === false ? false : undefined,
    skipExtensions: flags.skipExtensions === true ? 'all' : flags.skipExtensions,
  };
  for (const [name, value] of Object.entries(given)) if (value === undefined) delete given[name];
  const parsed = migrationOptionsSchema.safeParse(given);
  if (parsed.success) {
    const entries = Object.entries(parsed.data).filter(([name]) => name in given);
    return Object.fromEntries(entries) as Partial<MigrationOptions>;
  }
  const issue = parsed.error.issues[0];
  throw new MigrateError('TM1001', {
    side: 'local',
    object: issue?.path.join('.'),
    message: issue?.message ?? 'an option is not understood',
    hint: 'See tiger-migrate-tui migrate --help.',
  });
}

const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The options of a new migration. */
export const optionsFrom = (context: CommandContext, flags: Record<string, unknown>): MigrationOptions =>
  migrationOptionsSchema.parse(givenOptions(context, flags));

/**
 * The options of a migration that was begun before, with those given now. The same command line again is welcome;
 * TM1001 when it says something else about what only `mayChange` could.
 */
export function optionsOfBegun(
  began: MigrationOptions,
  given: Partial<MigrationOptions>,
  mayChange: readonly (keyof MigrationOptions)[],
): MigrationOptions {
  for (const [name, value] of Object.entries(given)) {
    const before = began[name as keyof MigrationOptions];
    if (mayChange.some((key) => key === name) || JSON.stringify(before) === JSON.stringify(value)) continue;
    const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new MigrateError('TM1001', {
      side: 'local',
      object: option,
      message: `this migration was begun with another ${option}, which can't be changed any more`,
      hint: `Leave ${option} away, or start over with migrate --drop-if-exists.`,
    });
  }
  return { ...began, ...given };
}
