import { expect, test } from 'vitest';
import { explainStreamError } from '../../../src/engine/source/stream-error.ts';

/** As a server says it. */
const said = (code: string, message: string) =>
  explainStreamError(Object.assign(new Error(message), { code }), 'a_slot', true);

test('a source that can not decode its own WAL is told as that, with the way out, and not tried again', () => {
  // Recorded from 15.18: a TRUNCATE ran while the slot was made.
  expect(said('XX000', 'could not map filenode "base/16385/17670" to relation OID')).toMatchObject({
    code: 'TM4010',
    side: 'source',
    object: 'a_slot',
    hint: expect.stringMatching(/TRUNCATE.*migrate --resync/s),
  });
  const other = said('XX000', 'could not decode') as { hint: string };
  expect(other).toMatchObject({ code: 'TM4005' });
  expect(other.hint).not.toContain('TRUNCATE');
  expect(said('58P01', 'requested WAL segment 000000010000000000000001 has already been removed')).toMatchObject({
    code: 'TM4002',
  });
});
