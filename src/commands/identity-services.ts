import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { prepareWorkDirectory } from '../engine/process/work-directory.ts';
import { withClient } from '../postgres/connect.ts';
import { parseConnectionString } from '../postgres/connection-string.ts';
import { firstRow } from '../postgres/query.ts';
import { applyIdentity } from '../providers/identity/apply.ts';
import { identitySqlFile } from '../providers/identity/sql-file.ts';
import { tablesWithoutIdentity } from '../providers/identity.ts';
import type { WizardServices } from '../state/services.ts';
import type { CommandContext } from './context.ts';

const SESSION = { side: 'source', application: 'wizard' } as const;

/** The replica identity screen's part of what the wizard asks for. */
export function identityServices({
  directory,
  env,
}: Pick<CommandContext, 'directory' | 'env'>): Pick<
  WizardServices,
  'identities' | 'applyIdentity' | 'saveIdentitySql'
> {
  return {
    identities: (input) =>
      withClient(parseConnectionString(input.source, env), SESSION, (source) =>
        tablesWithoutIdentity(source, input.options),
      ),
    async applyIdentity(input, choice, signal) {
      const settings = parseConnectionString(input.source, env);
      await prepareWorkDirectory(directory);
      await withClient(settings, { ...SESSION, signal }, async (source) => {
        const { pid } = await firstRow<{ pid: string }>(source, 'SELECT pg_backend_pid() AS pid');
        const cancel = () =>
          withClient(settings, SESSION, async (other) => {
            await other.query('SELECT pg_cancel_backend($1::int)', [pid]);
          });
        await applyIdentity(source, choice, { directory, signal, cancel });
      });
    },
    async saveIdentitySql(_input, choices) {
      await prepareWorkDirectory(directory);
      const path = join(directory, 'replica-identity.sql');
      const next = `${path}.next`;
      // A new file: an older one may be open to others, or a link to somewhere else.
      await rm(next, { force: true });
      await writeFile(next, identitySqlFile(choices), { mode: 0o600, flag: 'wx' });
      await rename(next, path);
      return path;
    },
  };
}
