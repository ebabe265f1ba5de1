import { MigrateError } from '../errors/migrate-error.ts';
import { describeServer } from '../postgres/connection-string.ts';
import type { EngineInput } from './engine.ts';
import type { MigrationRow } from './target/progress-schema.ts';

/** Why a migration is not begun, or not gone on with: what the target holds does not fit what was asked. */

export const nothingToResume = (input: EngineInput, found: MigrationRow | null): MigrateError =>
  new MigrateError('TM1305', {
    side: 'target',
    object: describeServer(input.target),
    message: `there is no migration to resume: ${found ? `${found.id} is done` : 'the target holds none'}`,
    hint: found
      ? 'Compare with verify, and remove what is left of the migration with clean.'
      : 'Run migrate without --resume; with --drop-if-exists when the target holds remains of an earlier attempt.',
  });

export const alreadyThere = (input: EngineInput, found: MigrationRow): MigrateError =>
  new MigrateError('TM1304', {
    side: 'target',
    object: describeServer(input.target),
    message: `the target holds ${found.phase === 'done' ? 'a finished migration' : 'a migration that was begun earlier'} (${found.id})`,
    hint:
      found.phase === 'done'
        ? 'Remove what is left of it with clean; another migration needs another database, or --drop-if-exists.'
        : 'Go on with migrate --resume, start over with migrate --drop-if-exists, or remove it with clean.',
  });

export const notThisOne = (input: EngineInput, found: MigrationRow): MigrateError =>
  new MigrateError('TM1307', {
    side: 'local',
    object: input.workDirectory,
    message: `the work directory belongs to the migration ${input.id}, the target holds ${found.id}`,
    hint: 'Give the --dir that the migration of this target began with, or the target of this work directory.',
  });
