import { SLOTS_NEEDED } from '../../engine/sessions-needed.ts';
import type { Check } from '../check.ts';
import { server } from '../facts/server.ts';
import { settings } from '../facts/settings.ts';
import { info, pass, warn } from '../outcome.ts';

/** What an untouched service has, and what the migration needs of it. */
const READY = { wal_level: 'logical', max_replication_slots: SLOTS_NEEDED, max_wal_senders: SLOTS_NEEDED } as const;

/** Says that there is nothing to do, by looking. */
const noTuning: Check = {
  id: 'mst-tuning',
  side: 'source',
  title: 'Parameters of the service',
  severity: 'info',
  wanted: 'as the service comes: nothing has to be tuned',
  why: 'A Managed Service for TimescaleDB runs with logical decoding switched on and room for slots, and needs no restart.',
  fix: 'Only if a check below fails: https://portal.managed.timescale.com → the service → Overview → Advanced configuration. What is not in that list support changes for you.',
  providers: ['mst'],
  async run({ ask }) {
    const known = await ask('source', settings);
    const slots = known.number('max_replication_slots') ?? 0;
    const senders = known.number('max_wal_senders') ?? 0;
    const level = known.shown('wal_level');
    const found = `wal_level = ${level}, max_replication_slots = ${slots}, max_wal_senders = ${senders}`;
    const ready = level === READY.wal_level && slots >= READY.max_replication_slots && senders >= READY.max_wal_senders;
    return ready
      ? pass(`${found}: nothing has to be tuned`)
      : info(`${found}: not as a service comes; the checks below say what to change`);
  },
};

const SERVICE_USERS = ['tsdbadmin', 'avnadmin'];

/** Whether the right is there is tried by another check; this one says whose it is. */
const serviceUser: Check = {
  id: 'mst-service-user',
  side: 'source',
  title: 'User of the service',
  severity: 'warn',
  wanted: 'tsdbadmin (or avnadmin), or a role with REPLICATION',
  why: 'The service user has the right to replicate, owns the jobs and policies, and can pause them for the migration; other users mostly can not.',
  fix: 'Connect as tsdbadmin: https://portal.managed.timescale.com → the service → Overview → Connection information shows its user and password.',
  providers: ['mst'],
  async run({ ask }) {
    const { role } = await ask('source', server);
    const right = role.replication ? 'may replicate' : 'without REPLICATION';
    if (SERVICE_USERS.includes(role.name)) {
      return role.replication
        ? pass(`${role.name}, ${right}`)
        : warn(`${role.name}, ${right}`, {
            fix: `The service user lost the right. Reset it at https://portal.managed.timescale.com → the service → Users, or ask support.`,
          });
    }
    return role.replication ? info(`${role.name}, ${right}`) : warn(`${role.name}, ${right}`);
  },
};

/** Checks of a Managed Service for TimescaleDB besides those of every source. */
export const MST_CHECKS: readonly Check[] = [noTuning, serviceUser];
