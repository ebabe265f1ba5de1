import { MigrateError } from '../errors/migrate-error.ts';

/** The file system has no room, or the user's quota is used up. */
export const isDiskFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');

/** TM4003: nothing more can be written into the work directory. */
export const noRoom = (directory: string, cause: unknown): MigrateError =>
  new MigrateError('TM4003', {
    side: 'local',
    object: directory,
    message: 'no space is left on the disk of the work directory',
    hint: 'Make room there, or give a --dir on another disk.',
    cause,
  });

/** TM4003: less is free than is left to others. In bytes. */
export const shortOfRoom = (directory: string, freeBytes: number, reserve: number): MigrateError =>
  new MigrateError('TM4003', {
    side: 'local',
    object: directory,
    message: `no room for the spool: ${freeBytes} bytes are free, ${Math.ceil(reserve)} are left to others`,
    hint: 'Make room on the disk of the work directory; until then WAL piles up on the source.',
  });

/** TM4003: everything else is applied and has given its room back, and still a transaction does not fit. */
export const tooBigAlone = (directory: string, bytes: number): MigrateError =>
  new MigrateError('TM4003', {
    side: 'local',
    object: directory,
    message: `no room for the spool: ${bytes} bytes of a transaction that is still coming fill the disk, and it is applied as a whole`,
    hint: 'Make the disk of the work directory bigger.',
  });
