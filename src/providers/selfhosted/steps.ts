import { isReady, psql } from '../client-commands.ts';
import { placeOf, platformOfHost } from '../platforms.ts';
import type { Step } from '../step.ts';

/** A field of pg_hba.conf, quoted where it must be. Keywords as `all` lose their meaning in quotes. */
const field = (name: string): string =>
  /^[\w.-]+$/.test(name) && !['all', 'sameuser', 'samerole', 'samegroup', 'replication'].includes(name)
    ? name
    : `"${name.replaceAll('"', '""')}"`;

/** https://www.postgresql.org/docs/current/auth-pg-hba-conf.html: `replication` is for physical replication only. */
const access: Step = {
  id: 'selfhosted-pg-hba',
  title: 'The source lets this machine in',
  why: 'Logical replication comes as a connection to the database, so one line of pg_hba.conf for the database is enough; a line for "replication" does not help.',
  providers: ['selfhosted-postgres', 'selfhosted-timescaledb'],
  how: ({ source }) => {
    const managed = platformOfHost(source.host);
    if (managed !== null) {
      return [
        `On ${managed.label} there is no pg_hba.conf for you: allow the address of this machine in the network settings of the instance (firewall rules, authorized networks, trusted sources).`,
        `Command, the address of this machine as the world sees it: curl -s https://checkip.amazonaws.com`,
        `Command, to test: ${isReady(source)}`,
      ];
    }
    return [
      `Command, where the file is: ${psql(source, "-tAc 'SHOW hba_file'")} # superusers and pg_read_all_settings only`,
      `Command, the address of this machine as the source sees it: ${psql(source, "-tAc 'SELECT inet_client_addr()'")}`,
      `Add on the source's machine, above lines that reject: hostssl  ${field(source.database)}  ${field(source.user)}  ADDRESS/32  scram-sha-256`,
      '(host instead of hostssl where the server has no TLS; /128 for an IPv6 address)',
      'Then as a superuser: SELECT pg_reload_conf(); and look for mistakes: SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL;',
      `And open the port ${source.port} in the firewall for this machine.`,
      `Command, to test: ${isReady(source)}`,
    ];
  },
};

const disk: Step = {
  id: 'selfhosted-disk',
  title: 'The disk of the source has room for WAL',
  why: 'While the copy runs, or this machine is down, the source keeps its WAL for the slot. A full disk stops the database.',
  providers: ['selfhosted-postgres', 'selfhosted-timescaledb'],
  how: ({ source }) => {
    const managed = platformOfHost(source.host);
    return managed === null
      ? [
          `Command, where it is: ${psql(source, "-tAc 'SHOW data_directory'")} # superusers and pg_read_all_settings only`,
          "Command, on the source's machine: df -h DATA_DIRECTORY/pg_wal",
          'Room for one day of WAL is a good rule; the check on the WAL rate says how much that is. Have an alarm on it.',
        ]
      : [
          `In the console of ${managed.label} look at the free storage of the instance, and switch automatic growth on where it is offered.`,
          'Room for one day of WAL is a good rule; the check on the WAL rate says how much that is. Have an alarm on it.',
        ];
  },
};

const failover: Step = {
  id: 'selfhosted-failover',
  title: 'No fail-over or restart of the source is planned',
  why: 'A logical slot is not on the standbys (before 17, or unless it is synchronized): after a fail-over the tables must be copied again. A restart only costs time.',
  providers: ['selfhosted-postgres', 'selfhosted-timescaledb'],
  how: ({ source }) => [
    'Keep upgrades, resizes and switch-overs out of the time of the migration.',
    'Under Patroni: patronictl pause CLUSTER before the start, patronictl resume CLUSTER after the cut-over.',
    `Connect to the server itself, not to an address that moves with a fail-over, or know that it does: ${source.host}`,
  ],
};

/** Only of use where the host name tells that somebody else runs the server. */
const managedService: Step = {
  id: 'selfhosted-managed-service',
  title: 'What is different on the managed service is known',
  why: 'The provider of the source may suspend, move or restart it, and has its own way for addresses, roles and parameters.',
  providers: ['selfhosted-postgres', 'selfhosted-timescaledb'],
  how: ({ source }) => {
    const managed = platformOfHost(source.host);
    if (managed === null) return [];
    const wrong = managed.wrongAddress?.(placeOf(source)) ?? null;
    return [
      `The host name is one of ${managed.label}.`,
      ...(managed.note === null ? [] : [managed.note]),
      ...(wrong === null ? [] : [wrong]),
      'Move its maintenance window behind the planned cut-over, and start no resize, upgrade, restore or fail-over before.',
    ];
  },
};

/** Steps of sources that are neither RDS nor a Managed Service for TimescaleDB. */
export const SELFHOSTED_STEPS: readonly Step[] = [managedService, access, disk, failover];
