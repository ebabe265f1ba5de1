import { describe, expect, test } from 'vitest';
import {
  asked,
  isSilent,
  LIVENESS_TIMES,
  look,
  newHistory,
  type OurSide,
  type TheirSide,
  verdict,
} from '../../../src/engine/liveness.ts';

const ours = (more: Partial<OurSide> = {}): OurSide => ({
  waiting: true,
  bytesRead: 100,
  bytesWritten: 100,
  unsent: 0,
  sending: false,
  ...more,
});
const theirs = (more: Partial<TheirSide> = {}): TheirSide => ({
  state: 'active',
  stateMs: 3_600_000,
  waitEvent: '',
  copied: null,
  ...more,
});
const history = newHistory(ours(), 0);
const of = (seen: TheirSide | null, mine = ours()) => verdict(history, mine, seen, LIVENESS_TIMES);

describe('how long a session has been silent', () => {
  const at = (ms: number, mine: OurSide) => isSilent(look(history, mine, ms), ms, LIVENESS_TIMES);

  test('counts while an answer is owed and nothing arrives', () => {
    expect(at(14_999, ours())).toBe(false);
    expect(at(15_000, ours())).toBe(true);
    // What we send is no sign of life of theirs.
    expect(at(15_000, ours({ bytesWritten: 5000 }))).toBe(true);
  });

  test('begins anew with every byte, and does not run while nothing is owed or we do not read', () => {
    expect(at(60_000, ours({ bytesRead: 101 }))).toBe(false);
    expect(at(60_000, ours({ waiting: false }))).toBe(false);
  });
});

describe('a silent session', () => {
  test.for([
    ['computes', theirs()],
    ['reads its disk', theirs({ waitEvent: 'DataFileRead' })],
    ['waits for a lock', theirs({ waitEvent: 'relation' })],
    ['is a walsender that decodes', theirs({ waitEvent: 'ReorderBufferRead' })],
    ['has answered a moment ago', theirs({ state: 'idle', stateMs: 200 })],
    ['waits for rows that we do not have yet', theirs({ waitEvent: 'ClientRead', copied: 7 })],
  ] as const)('is alive when it %s, however long that takes', ([, seen]) => expect(of(seen)).toBeNull());

  test.for([
    ['nobody knows it', null, ours()],
    ['its answer was given long ago', theirs({ state: 'idle in transaction' }), ours()],
    ['it sends what does not arrive', theirs({ waitEvent: 'ClientWrite' }), ours()],
    ['it waits for what does not get through', theirs({ waitEvent: 'ClientRead' }), ours({ unsent: 9 })],
    ['the walsender waits, and has not answered', theirs({ waitEvent: 'WalSenderWaitForWAL' }), ours()],
  ] as const)('is dead when %s', ([, seen, mine]) => expect(of(seen, mine)).not.toBeNull());
});

describe('a COPY that takes rows', () => {
  /** Looks at it again and again; gives at which look it is taken for dead. */
  const looks = (...seen: readonly (readonly [written: number, copied: number])[]): number | null => {
    let known = history;
    for (const [at, [bytesWritten, copied]] of seen.entries()) {
      const [mine, server] = [ours({ bytesWritten, sending: true }), theirs({ waitEvent: 'ClientRead', copied })];
      if (verdict(known, mine, server, LIVENESS_TIMES) !== null) return at;
      known = asked(known, mine, server);
    }
    return null;
  };

  test('is alive while it takes what is sent, and while nothing is sent', () => {
    expect(looks([1000, 900], [2000, 1900], [3000, 2900])).toBeNull();
    expect(looks([1000, 900], [1000, 900], [1000, 900], [1000, 900])).toBeNull();
    // Sent since the last look only: it may be on its way.
    expect(looks([1000, 900], [1000, 900], [2000, 900], [2000, 1900])).toBeNull();
  });

  test('is dead when all was sent before the last look and the server still waits; so is any statement in parts', () => {
    for (const copied of [900, null]) {
      const seen = theirs({ waitEvent: 'ClientRead', copied });
      const [open, ended] = [ours({ sending: true }), ours({ bytesWritten: 105 })];
      // Just sent: it may be on its way.
      expect(verdict(asked(history, open, seen), ended, seen, LIVENESS_TIMES)).toBeNull();
      expect(verdict(asked(history, ended, seen), ended, seen, LIVENESS_TIMES)).not.toBeNull();
    }
  });

  test('is dead when what was sent before the last look was not taken', () => {
    expect(looks([1000, 900], [2000, 900], [2000, 900])).toBe(2);
    expect(looks([1000, 900], [2000, 900], [3000, 900], [4000, 900])).toBe(2);
  });
});
