import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import type { ParameterChange, Place, Platform } from './platform.ts';

/** The statements that change a parameter: https://www.postgresql.org/docs/current/sql-altersystem.html */
export const alterSystem = ({ name, value, elements, restart }: ParameterChange): string[] => {
  const word = (text: string) => (/^-?\d+$|^[a-z]+$/.test(text) ? text : quoteLiteral(text));
  const sql = `ALTER SYSTEM SET ${name} = ${(elements ?? [value]).map(word).join(', ')}`;
  return restart ? [sql] : [sql, 'SELECT pg_reload_conf()'];
};

const restart = ({ major }: Pick<Place, 'major'>): string[] => [
  `Restart the server, on its machine: sudo systemctl restart postgresql (Red Hat: postgresql-${major ?? 'VERSION'})`,
  'In a container: docker restart CONTAINER. Under Patroni: patronictl restart CLUSTER.',
];

export const selfHosted: Platform = {
  id: 'self-hosted',
  label: 'a server of your own',
  tab: 'by-extension',
  signs: {},
  hosts: null,
  note: null,
  wrongAddress: null,
  extensions: [],
  schemas: [],
  change: (change, place) => [
    `As a superuser: ${alterSystem(change)
      .map((one) => `${one};`)
      .join(' ')}`,
    'Where Patroni or a Kubernetes operator writes the configuration, change it there instead (patronictl edit-config).',
    ...(change.restart ? restart(place) : []),
  ],
  restart,
  grantReplication: ({ user }) => [`As a superuser: ALTER ROLE ${quoteIdent(user)} REPLICATION;`],
};
