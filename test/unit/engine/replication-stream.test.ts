import { describe, expect, test } from 'vitest';
import { pgoutput } from '../../../src/engine/decode/pgoutput.ts';
import { testDecoding } from '../../../src/engine/decode/test-decoding.ts';
import { readHeartbeat } from '../../../src/engine/source/heartbeat.ts';
import { standbyStatus, startReplicationCommand } from '../../../src/engine/source/replication-stream.ts';
import { parseLsn } from '../../../src/postgres/lsn.ts';

describe('START_REPLICATION', () => {
  const options = { slot: 's', plugin: pgoutput, publications: ['p'], start: parseLsn('16/B374D848'), binary: false };

  test('asks for pgoutput with messages', () => {
    expect(startReplicationCommand(options)).toBe(
      `START_REPLICATION SLOT "s" LOGICAL 16/B374D848 (proto_version '1', publication_names '"p"', messages 'true')`,
    );
  });

  test('asks for binary values only where it may', () => {
    expect(startReplicationCommand({ ...options, binary: true })).toMatch(/, binary 'true'\)$/);
  });

  test('asks test_decoding for whole transactions, empty ones too, without their times', () => {
    expect(startReplicationCommand({ ...options, plugin: testDecoding, publications: [] })).toBe(
      `START_REPLICATION SLOT "s" LOGICAL 16/B374D848 ("include-xids" 'on', "include-timestamp" 'off')`,
    );
  });

  test('quotes every name', () => {
    const command = startReplicationCommand({ ...options, slot: 'a"b', publications: [`it's "p"`, 'q,r'] });
    expect(command).toContain('SLOT "a""b" LOGICAL');
    expect(command).toContain(`publication_names '"it''s ""p""","q,r"'`);
  });
});

describe('the standby status message', () => {
  test('sends the end LSN as it is: not one more', () => {
    const [received, flushed] = [parseLsn('16/B374D900'), parseLsn('16/B374D848')];
    const message = standbyStatus(received, flushed, Date.UTC(2000, 0, 1, 0, 0, 1));
    expect(message.toString('latin1', 0, 1)).toBe('r');
    expect(message.length).toBe(34);
    expect(message.readBigUInt64BE(1)).toBe(received);
    expect(message.readBigUInt64BE(9)).toBe(flushed);
    expect(message.readBigUInt64BE(17)).toBe(flushed);
    expect(message[33]).toBe(0);
  });

  test('counts microseconds from 2000 on', () => {
    expect(standbyStatus(parseLsn('0/1'), parseLsn('0/1'), Date.UTC(2000, 0, 1, 0, 0, 1)).readBigInt64BE(25)).toBe(
      1_000_000n,
    );
    expect(standbyStatus(parseLsn('0/1'), parseLsn('0/1'), Date.UTC(1999, 11, 31)).readBigInt64BE(25)).toBe(
      -86_400_000_000n,
    );
  });
});

describe('heartbeats', () => {
  test('are read, and nothing else is taken for one', () => {
    expect(readHeartbeat('{"id":"x","at":5}')).toEqual({ id: 'x', at: 5 });
    for (const other of ['', 'x', '{}', '{"id":1,"at":5}', '{"id":"x"}', 'null', '[1]'])
      expect(readHeartbeat(other), other).toBeNull();
  });
});
