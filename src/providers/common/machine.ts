import { availableParallelism, totalmem } from 'node:os';
import { MigrateError } from '../../errors/migrate-error.ts';
import { clientToolsFor, formatVersion } from '../../postgres/client-tools.ts';
import type { Check } from '../check.ts';
import { server } from '../facts/server.ts';
import { counted, fail, formatBytes, pass, warn } from '../outcome.ts';

export const clientTools: Check = {
  id: 'local-client-tools',
  side: 'local',
  title: 'pg_dump and pg_restore',
  severity: 'fail',
  wanted: 'installed, at least as new as the source in major and minor release',
  why: 'They carry the schema. An older one does not know what a newer server stores.',
  fix: 'Install the PostgreSQL client package of the major release of the source.',
  async run({ ask, signal }) {
    const { versionNumber } = await ask('source', server);
    try {
      const { tools, warning } = await clientToolsFor(versionNumber, process.env, signal);
      const found = `${formatVersion(tools.version)}, ${tools.pgDump}`;
      return warning === null ? pass(found) : warn(`${found}: ${warning}`);
    } catch (error) {
      if (error instanceof MigrateError) return fail(error.code, error.message, { fix: error.hint });
      throw error;
    }
  },
};

const LEAST_PROCESSORS = 2;
const LEAST_MEMORY = 1024 ** 3;

export interface Machine {
  readonly processors: number;
  /** Bytes. */
  readonly memory: number;
}

/** What this process may use: in a container its limits count, not the machine. */
function thisMachine(): Machine {
  // 0 or an absurd figure where there is no limit.
  const limit = process.constrainedMemory();
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return { processors: availableParallelism(), memory };
}

/** With the machine to judge. */
export const machineSize = (look: () => Machine): Check => ({
  id: 'local-processors',
  side: 'local',
  title: 'Processors and memory of this machine',
  severity: 'warn',
  wanted: '2 processors and 1 GiB of memory or more; better as many processors as the target',
  why: 'All rows pass through here. Receiving changes, copying and replaying run at the same time.',
  fix: 'Run the migration on a larger machine in the region of the target; in a container raise its limits.',
  async run() {
    const { processors, memory } = look();
    const found = `${counted(processors, 'processor')}, ${formatBytes(memory)} of memory`;
    return processors >= LEAST_PROCESSORS && memory >= LEAST_MEMORY ? pass(found) : warn(found);
  },
});

export const processors = machineSize(thisMachine);
