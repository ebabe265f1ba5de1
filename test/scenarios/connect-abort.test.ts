import { describe, expect } from 'vitest';
import { connect, destroy } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { test } from '../support/databases.ts';

describe('an attempt to connect that is aborted', () => {
  test('ends at once, at whatever moment', async ({ databases: { source } }) => {
    const settings = parseConnectionString(source.uri, {});
    // One turn of the event loop more each time: through the handshake, the password and the first settings.
    for (let turns = 0; turns < 60; turns += 1) {
      const abort = new AbortController();
      const attempt = connect(settings, { side: 'source', application: 'abort', signal: abort.signal }).then(
        (client) => destroy(client),
        () => {},
      );
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      abort.abort(new Error('enough'));
      await attempt;
    }
    expect(await source.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});
