import { psql } from '../client-commands.ts';
import { shellWord } from '../platforms/platform.ts';
import type { Step } from '../step.ts';

const CONSOLE = 'https://console.cloud.timescale.com';
/** A Tiger Cloud service's host name begins with its id. */
const serviceOf = (host: string): string =>
  /\.tsdb\.cloud\.timescale\.com$/i.test(host) ? shellWord(host.split('.')[0] ?? 'SERVICE') : 'SERVICE';

const targetService: Step = {
  id: 'target-service-size',
  title: 'A Tiger Cloud service of the right size exists',
  why: 'Indexes are built with its CPUs and memory: a small service makes the copy last for days. You can make it smaller afterwards.',
  how: ({ target }) => [
    `Console: ${CONSOLE} → the service ${serviceOf(target.host)} → Operations → Compute and storage: 8 CPU / 32 GB or more for the migration, and never fewer than the source has.`,
    'If there is no service yet: Console → New service, in the region of the source, PostgreSQL of the same major release or a newer one.',
    'Command (Tiger CLI): tiger service create --name migrated --cpu 8000 --memory 32 --region us-east-1',
    `Command, for a service that exists: tiger service resize ${serviceOf(target.host)} --cpu 8000 --memory 32`,
    'Storage grows by itself. With more than 400 GB of data ask support to provision it before the copy.',
  ],
};

const sameRegion: Step = {
  id: 'machine-region',
  title: 'This machine is in the same region as the target',
  why: 'All rows go through this machine; each transaction that is replayed waits for the target to answer, so distance is the limit of the speed.',
  how: ({ source, target }) => [
    `Console: ${CONSOLE} → the service ${serviceOf(target.host)} → Overview shows its region. Run this program on a machine there (AWS: EC2, Azure: a virtual machine).`,
    `Command, the way to the target and back (1 to 2 ms in one region, under 5 is good): ${psql(target, "-c '\\timing on' -c 'SELECT 1' -c 'SELECT 1'")}`,
    `Command, the same for the source: ${psql(source, "-c '\\timing on' -c 'SELECT 1' -c 'SELECT 1'")}`,
  ],
};

const machineSize: Step = {
  id: 'machine-size',
  title: 'This machine has as many CPUs as the target',
  why: 'Copying and replaying work with as many jobs as the target can take; a smaller machine slows them all down.',
  how: ({ target }) => [
    `Console: ${CONSOLE} → the service ${serviceOf(target.host)} → Operations → Compute and storage shows its CPUs.`,
    'Command, the CPUs of this machine: nproc # macOS: sysctl -n hw.ncpu',
    'Command, its memory: free -g # 4 GB or more',
    'Command, the space for the spool in the work directory: df -h ~',
  ],
};

const targetMaintenance: Step = {
  id: 'target-maintenance',
  title: "The target's maintenance window is out of the way",
  why: 'Maintenance restarts the service. The migration goes on by itself afterwards, but a cut-over should not meet it.',
  how: ({ target }) => [
    `Console: ${CONSOLE} → the service ${serviceOf(target.host)} → Operations → Maintenance: move the window behind the planned cut-over; look at "Pending maintenance" too.`,
    'Tiger CLI has no command for it.',
  ],
};

const noDdl: Step = {
  id: 'no-ddl',
  title: 'No change of the schema is planned until the cut-over',
  why: 'Logical decoding carries rows only: a table, column or index that is created, altered or dropped meanwhile does not reach the target and can stop the replay.',
  how: ({ source }) => [
    'Tell everybody who deploys: no migrations of the application, no CREATE, ALTER, DROP, no REFRESH by deployment tools until the cut-over.',
    'Look for those that run by themselves: partitions created by pg_partman or pg_cron, migrations at application start.',
    `Command, to see scheduled ones: ${psql(source, "-c 'SELECT jobname, schedule, command FROM cron.job'")} # only where pg_cron is installed`,
  ],
};

const applicationSwitch: Step = {
  id: 'application-switch',
  title: 'The application can be stopped or switched for the cut-over',
  why: 'Between the last change on the source and the first on the target nobody may write: mostly for a minute or less, but somebody has to do it.',
  how: ({ source, target }) => [
    'List everything that writes to the source: services, workers, cron jobs, people with psql, other tools.',
    `Command, who is connected: ${psql(source, '-c "SELECT usename, application_name, client_addr, count(*) FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1, 2, 3"')}`,
    `Know where each has its connection string, and how to change it to host ${target.host}, port ${target.port}, database ${target.database}.`,
    'Try it: can you stop all of them, or make them read-only, and start them again within the time you have? Who decides, who does it, when?',
  ],
};

/** Steps of every source kind. */
export const COMMON_STEPS: readonly Step[] = [
  targetService,
  sameRegion,
  machineSize,
  targetMaintenance,
  noDdl,
  applicationSwitch,
];
