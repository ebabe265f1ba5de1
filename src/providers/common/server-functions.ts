import { refusedFunctions } from '../../engine/server-functions.ts';
import type { Check } from '../check.ts';
import { fail, listed, pass } from '../outcome.ts';

/** Some hardening guides take from everybody what PostgreSQL gives to everybody. */
export const serverFunctions = (side: 'source' | 'target'): Check => ({
  id: `${side}-server-functions`,
  side,
  title: 'Functions and views of the server',
  severity: 'fail',
  wanted: 'the role may use those that PostgreSQL lets everybody use',
  why: 'The snapshot is exported, progress marked in the stream, sessions and slots looked after by them.',
  fix: 'GRANT EXECUTE ON FUNCTION … TO …; GRANT SELECT ON … TO …;',
  async run(run) {
    const refused = await refusedFunctions(run[side], side);
    if (refused.length === 0) return pass('all that is needed may be used');
    return fail('TM1212', `no right to use ${listed(refused.map(({ name }) => name))}`, {
      fix: `As a superuser, in this database: ${refused.flatMap(({ grants }) => grants).join(' ')}`,
    });
  },
});
