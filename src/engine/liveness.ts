/**
 * Whether a session that says nothing is at work or cut off. PostgreSQL's protocol has no heartbeat while a statement runs,
 * and some of ours rightly take hours without a byte: silence alone proves nothing. So a silent session is looked at from
 * another one, and what the server says of it decides. Pure.
 */
export interface LivenessTimes {
  /** How often all sessions are looked at. */
  readonly lookMs: number;
  /** So long a session may owe an answer before another one asks about it. */
  readonly silentMs: number;
  /** For the question itself: connecting, and the answer. */
  readonly askMs: number;
  /** Looks in a row at which the server can't be reached, before its silent sessions are given up. */
  readonly unreachableLooks: number;
}

/**
 * A dead peer is found within 15 + 10 s when the server can still be asked (10 s more where it waits for us), within
 * 15 + 10 + 3 × 10 s when it can't.
 */
export const LIVENESS_TIMES: LivenessTimes = { lookMs: 10_000, silentMs: 15_000, askMs: 10_000, unreachableLooks: 3 };

/** What is to be seen of a session on our side. */
export interface OurSide {
  /** The server owes us something, and we would read it. */
  readonly waiting: boolean;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes that the network does not take. */
  readonly unsent: number;
  /** Rows of a COPY are still to come, whenever that is. */
  readonly sending: boolean;
}

/** What pg_stat_activity has on it. https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW */
export interface TheirSide {
  readonly state: string;
  /** In this state for so long. */
  readonly stateMs: number;
  readonly waitEvent: string;
  /** Bytes that its COPY has taken so far; null when it runs none, or the server does not tell. */
  readonly copied: number | null;
}

/** What earlier looks have shown of a session. */
export interface LineHistory {
  readonly heardAt: number;
  readonly bytesRead: number;
  /** Written by us when its COPY was seen to stand where it stands, and at the look before this one. */
  readonly copied: number | null;
  readonly writtenAtCopied: number;
  readonly writtenBefore: number;
  /** Written when nothing was to come any more, at the look before this one; null: something was. */
  readonly wholeAt: number | null;
}

export const newHistory = (ours: OurSide, nowMs: number): LineHistory => ({
  heardAt: nowMs,
  bytesRead: ours.bytesRead,
  copied: null,
  writtenAtCopied: ours.bytesWritten,
  writtenBefore: ours.bytesWritten,
  wholeAt: null,
});

/** The history after one more look at our side: anything that was heard, or nothing that is owed, begins it anew. */
export const look = (history: LineHistory, ours: OurSide, nowMs: number): LineHistory =>
  !ours.waiting || ours.bytesRead !== history.bytesRead ? newHistory(ours, nowMs) : history;

export const isSilent = (history: LineHistory, nowMs: number, times: LivenessTimes): boolean =>
  nowMs - history.heardAt >= times.silentMs;

/** Where a walsender waits for us or for new WAL: then it would have answered the question that every status message is. */
const WALSENDER_WAITS = new Set(['WalSenderMain', 'WalSenderWaitForWAL', 'WalSenderWaitWal', 'WalSenderWriteData']);

/** Why the connection must be broken; null while the session may be at work. `theirs` null: the server has no such session. */
export function verdict(
  history: LineHistory,
  ours: OurSide,
  theirs: TheirSide | null,
  times: LivenessTimes,
): string | null {
  if (theirs === null) return 'the server has ended the session';
  if (theirs.state !== 'active') {
    // An answer that was just given may still be on its way.
    return theirs.stateMs >= times.silentMs
      ? `the server has answered, or was never asked (it is ${theirs.state})`
      : null;
  }
  if (WALSENDER_WAITS.has(theirs.waitEvent)) return 'the source waits, and answers nothing';
  if (theirs.waitEvent === 'ClientWrite') return 'the server sends, and nothing arrives';
  if (theirs.waitEvent === 'ClientRead') {
    if (ours.unsent > 0) return 'the server waits for what does not get through';
    // What was sent before the last look must have been taken by now.
    if (!ours.sending && history.wholeAt === ours.bytesWritten) return 'the server waits for what was sent long ago';
    const standing = theirs.copied !== null && theirs.copied === history.copied;
    if (standing && history.writtenBefore > history.writtenAtCopied)
      return 'the server waits for what was sent long ago';
  }
  return null;
}

/** The history after the server was asked about a silent session. */
export const asked = (history: LineHistory, ours: OurSide, theirs: TheirSide | null): LineHistory => {
  const copied = theirs?.copied ?? null;
  const moved = copied === null || copied !== history.copied;
  return {
    ...history,
    copied,
    writtenAtCopied: moved ? ours.bytesWritten : history.writtenAtCopied,
    writtenBefore: ours.bytesWritten,
    wholeAt: ours.sending ? null : ours.bytesWritten,
  };
};
