import type { Platform } from './platform.ts';

const SETTINGS = 'Console: Neon → the project → Settings';
const API = 'https://console.neon.tech/api/v2/projects/PROJECT';

/** https://neon.com/docs/guides/logical-replication-neon */
export const neon: Platform = {
  id: 'neon',
  label: 'Neon',
  tab: 'by-extension',
  signs: { roles: ['neon_superuser'], settings: ['neon.'], extensions: ['neon'] },
  hosts: /\.neon\.(tech|build)$/i,
  note: 'Logical replication is a switch of the project, which can not be switched off again. Use the host name without "-pooler". The compute stays awake (and is paid for) while the stream is connected; if the migration is stopped, the compute may be suspended and after about 40 hours the slot is removed. Restoring a branch removes it too.',
  wrongAddress: ({ host }) =>
    /^[^.]+-pooler\./i.test(host)
      ? `This is the pooler: use the host name without "-pooler": ${host.replace('-pooler.', '.')}`
      : null,
  extensions: ['neon', 'neon_utils', 'neon_test_utils', 'pg_session_jwt', 'pg_tiktoken', 'pgrag'],
  schemas: ['neon_auth', 'neon'],
  change: ({ name, raw }) =>
    name === 'wal_level'
      ? [
          `${SETTINGS} → Logical Replication → Enable (restarts the computes; can't be undone).`,
          `Command: curl -X PATCH ${API} -H "Authorization: Bearer $NEON_API_KEY" -H "Content-Type: application/json" -d '{"project":{"settings":{"enable_logical_replication":true}}}'`,
        ]
      : [
          `Neon sets ${name} itself, by the size of the compute: a larger compute has more of what is counted.`,
          `If it must be ${raw}: ask Neon's support.`,
        ],
  restart: () => [
    'Console: Neon → the project → Branches → the branch → Computes → Restart compute.',
    `Command: curl -X POST ${API}/endpoints/ENDPOINT/restart -H "Authorization: Bearer $NEON_API_KEY"`,
  ],
  grantReplication: () => [
    'Roles that are created in the Neon console (Branches → Roles & Databases → Add role), by its CLI or API may replicate; those created by SQL may not.',
    'Command: neonctl roles create --name tiger_migrate',
    'Connect as such a role; it must own the tables too: GRANT their owner to it, or use the owner of the database.',
  ],
};
