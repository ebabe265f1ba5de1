import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PgoutputPlugin } from 'pg-logical-replication';
import { describe, expect } from 'vitest';
import { commitEndOf } from '../../../src/engine/decode/pgoutput.ts';
import { readSpool, SpoolWatermark } from '../../../src/engine/spool/reader.ts';
import { SpoolWriter } from '../../../src/engine/spool/writer.ts';
import { INVALID_LSN } from '../../../src/postgres/lsn.ts';
import { test } from '../../support/databases.ts';
import { until } from '../../support/wait.ts';
import { Stage } from './stage.ts';

/** Gives the bytes as they came: what one writes to be rid of the library's parser. */
class RawPlugin extends PgoutputPlugin {
  override parse(buffer: Buffer): never {
    return buffer as never;
  }
}

const digest = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');

const MESSAGES = 20_000;
const fill = (stage: Stage) =>
  stage.writer.query(`INSERT INTO log SELECT repeat(md5(g::text), 1 + g % 20) FROM generate_series(1, ${MESSAGES}) g`);

describe('the receive buffer is used again', () => {
  test('messages that are kept from the library are overwritten', async ({ databases }) => {
    await using stage = await Stage.set(databases.source);
    const kept: { bytes: Buffer; digest: string }[] = [];
    const service = stage.service({ acknowledge: { auto: false, timeoutSeconds: 0 } });
    service.on('data', (_, bytes: Buffer) => {
      kept.push({ bytes, digest: digest(bytes) });
    });
    const plugin = new RawPlugin({ protoVersion: 1, publicationNames: [stage.publication] });
    service.subscribe(plugin, stage.naiveSlot).catch(() => undefined);
    await fill(stage);
    await until(() => kept.length >= MESSAGES + 3, { what: 'all messages' });
    const corrupt = kept.filter((message) => digest(message.bytes) !== message.digest);
    expect(corrupt.length).toBeGreaterThan(MESSAGES / 10);
  });

  test('what we spool is what came', async ({ databases }) => {
    await using stage = await Stage.set(databases.source);
    const directory = await mkdtemp(join(tmpdir(), 'tiger-migrate-spool-'));
    const watermark = new SpoolWatermark({ position: { segment: 0, block: 0, offset: 0 }, commitEnd: INVALID_LSN });
    const spool = await SpoolWriter.open({
      directory,
      segmentBytes: 1024 * 1024,
      prologue: () => [],
      onReadable: (end) => watermark.advance(end),
    });
    try {
      const came: string[] = [];
      await stage.stream(INVALID_LSN, {
        onMessage: (message) => {
          came.push(digest(message));
          spool.append(message, commitEndOf(message));
        },
      });
      await fill(stage);
      await until(() => came.length >= MESSAGES + 3, { what: 'all messages' });
      await spool.flush();
      const read: string[] = [];
      const { signal } = new AbortController();
      for await (const { messages, last } of readSpool(directory, watermark, INVALID_LSN, signal)) {
        for (const message of messages) read.push(digest(message));
        if (last) break;
      }
      expect(read).toEqual(came);
    } finally {
      await spool.close();
      await rm(directory, { recursive: true });
    }
  });
});
