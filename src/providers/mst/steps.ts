import { isReady, psql } from '../client-commands.ts';
import { shellWord } from '../platforms/platform.ts';
import type { Step, StepSetting } from '../step.ts';

const PORTAL = 'https://portal.managed.timescale.com';
const ONLY_MST = ['mst'] as const;

const serviceOf = ({ source }: StepSetting): string =>
  /\.(timescaledb\.io|aivencloud\.com)$/i.test(source.host)
    ? shellWord(source.host.split('.')[0] ?? 'SERVICE')
    : 'SERVICE';

const access: Step = {
  id: 'mst-access',
  title: 'The service lets this machine in',
  why: 'A service may have a list of allowed addresses, or be reachable inside its VPC only; a connection pool carries no replication.',
  providers: ONLY_MST,
  how: (setting) => [
    `Console: ${PORTAL} → the service ${serviceOf(setting)} → Overview → Allowed IP addresses: add the one of this machine. In a VPC: peer it with the VPC of this machine.`,
    `Host, port and user are those of "Connection information"; those of the Pools tab are poolers.`,
    'Command, the address of this machine as the world sees it: curl -s https://checkip.amazonaws.com',
    `Command (Aiven client), what is allowed now: avn service get ${serviceOf(setting)} --json`,
    `Command, to test: ${isReady(setting.source)} && ${psql(setting.source, "-c 'SELECT version()'")}`,
  ],
};

const maintenance: Step = {
  id: 'mst-maintenance',
  title: 'The maintenance window of the service is out of the way',
  why: 'Maintenance of a service builds new nodes and fails over to them; the replication slot may be lost, and then the tables must be copied again.',
  providers: ONLY_MST,
  how: (setting) => [
    `Console: ${PORTAL} → the service ${serviceOf(setting)} → Overview → Maintenance: set the window behind the planned cut-over, and see that no mandatory update falls due before.`,
    `Command (Aiven client): avn service update ${serviceOf(setting)} --maintenance-dow sunday --maintenance-time 03:00:00`,
    'Start no upgrade of PostgreSQL or TimescaleDB, no change of the plan, cloud or region until the cut-over: each moves the service to new nodes.',
  ],
};

const keptOn: Step = {
  id: 'mst-kept-on',
  title: 'The service is not powered off or forked over',
  why: 'A service that is powered off loses its slots; a fork has none of them and is another database.',
  providers: ONLY_MST,
  how: (setting) => [
    `Console: ${PORTAL} → the service ${serviceOf(setting)}: its state is Running, and nobody plans to power it off before the cut-over. Switch termination protection on.`,
    `Command (Aiven client): avn service update ${serviceOf(setting)} --enable-termination-protection`,
    'To rehearse, fork it (Backups → Fork service) and migrate the fork to a service of its own; for the real migration give the address of the original.',
  ],
};

const storage: Step = {
  id: 'mst-storage',
  title: 'The service has free disk space',
  why: 'It keeps its WAL for the slot while the copy runs. At about 97 % full the service becomes read-only.',
  providers: ONLY_MST,
  how: (setting) => [
    `Console: ${PORTAL} → the service ${serviceOf(setting)} → Metrics → Disk space usage: below 70 %; otherwise add storage before (Overview → Service plan → Add storage).`,
    `Command (Aiven client): avn service metrics ${serviceOf(setting)} --period day`,
  ],
};

/** Steps of a Managed Service for TimescaleDB. */
export const MST_STEPS: readonly Step[] = [access, maintenance, keptOn, storage];
