import { describe, expect, it, vi } from 'vitest';
import { MigrateError } from '../../src/errors/migrate-error.ts';
import type { Message } from '../../src/state/messages.ts';
import { initialModel } from '../../src/state/model.ts';
import { createPerformer } from '../../src/state/perform.ts';
import { createStore } from '../../src/state/store.ts';
import { update } from '../../src/state/update.ts';
import { createFakeServices, type FakeOptions } from './fake-services.ts';
import { IDENTITIES, SOURCE_URI } from './shop.ts';

const input = {
  source: 'a',
  target: 'b',
  provider: 'selfhosted-postgres',
  options: initialModel({ now: 0 }).options,
} as const;

function open(options: FakeOptions = {}) {
  const services = createFakeServices(options);
  const performer = createPerformer(services, { debounceMs: 0 });
  const messages: Message[] = [];
  const dispatch = (message: Message): void => {
    messages.push(message);
  };
  const types = (): string[] => messages.map(({ type }) => type);
  const heard = (type: Message['type']): Promise<void> => vi.waitFor(() => expect(types()).toContain(type));
  return { services, performer, messages, dispatch, types, heard };
}

describe('what the model wants done', () => {
  it('asks a server only about the newest text', async () => {
    const { services, performer, dispatch, messages, heard } = open();
    for (const edition of [1, 2, 3]) {
      performer.perform({ do: 'probe', side: 'source', edition, connection: SOURCE_URI }, dispatch);
    }
    await heard('probed');
    expect(services.calls).toEqual(['probe source']);
    expect(messages).toMatchObject([{ type: 'probed', edition: 3 }]);
  });

  it('answers with the error of whatever throws', async () => {
    const error = new MigrateError('TM1303', { message: 'in use', side: 'target' });
    const { performer, dispatch, messages, heard } = open({ fail: { start: error, plan: error } });
    performer.perform({ do: 'start', input }, dispatch);
    performer.perform({ do: 'plan', input, run: 7 }, dispatch);
    await heard('attach-failed');
    await heard('plan-failed');
    expect(messages).toMatchObject([
      { type: 'attach-failed', error: { message: 'in use', side: 'target' } },
      { type: 'plan-failed', run: 7, error: { code: 'TM1303' } },
    ]);
  });

  it('applies choices one after the other and ends at the first that fails', async () => {
    const error = new MigrateError('TM1212', { message: 'must be owner' });
    const { services, performer, dispatch, types, heard } = open({ fail: { applyIdentity: error } });
    const choices = IDENTITIES.flatMap((row) => row.choices[0] ?? []);
    performer.perform({ do: 'apply-identities', input, choices }, dispatch);
    await heard('identity-applied');
    expect(types()).toEqual(['identity-applying', 'identity-applied']);
    expect(services.calls).toHaveLength(1);
  });

  it('waits for a restart until it is told to stop, and says nothing then', async () => {
    const { services, performer, dispatch, messages, heard } = open();
    performer.perform({ do: 'await-restart', input, side: 'source', run: 1 }, dispatch);
    performer.perform({ do: 'cancel-checks' }, dispatch);
    await vi.waitFor(() => expect(services.waiting).toBe(0));
    performer.perform({ do: 'await-restart', input, side: 'target', run: 2 }, dispatch);
    services.restart();
    await heard('restarted');
    performer.perform({ do: 'await-restart', input, side: 'source', run: 3 }, dispatch);
    performer.perform({ do: 'run-checks', input, run: 4 }, dispatch);
    await heard('checks-ended');
    expect(services.waiting).toBe(0);
    expect(messages.filter(({ type }) => type === 'restarted')).toEqual([
      { type: 'restarted', provider: input.provider, run: 2, side: 'target', error: null },
    ]);
    performer.perform({ do: 'await-restart', input, side: 'source', run: 5 }, dispatch);
    performer.close();
    expect(services.waiting).toBe(0);
  });

  it('tells the steps of the source that it was asked about, and where the report is', async () => {
    const { performer, dispatch, messages, heard } = open();
    performer.perform({ do: 'tick', input, id: 'no-ddl', ticked: true }, dispatch);
    performer.perform({ do: 'save-report', input, results: [] }, dispatch);
    await heard('steps');
    await heard('report-saved');
    expect(messages[0]).toMatchObject({ type: 'steps', provider: input.provider, source: 'a' });
    expect(messages[0]).toHaveProperty('steps', [
      expect.objectContaining({ id: 'same-region', ticked: '2026-01-01T10:00:00.000Z' }),
      expect.objectContaining({ id: 'no-ddl', ticked: '2026-01-02T03:04:05.000Z' }),
    ]);
  });

  it('hands on events without a gap from the moment of attaching', async () => {
    const { services, performer, dispatch, types, heard } = open();
    performer.perform({ do: 'attach' }, dispatch);
    await heard('attached');
    services.engine.say({ type: 'log', text: 'x' }, 0);
    await heard('events');
    // What comes at once is handed on at once, and before the end.
    services.engine.say({ type: 'log', text: 'y' }, 0);
    services.engine.say({ type: 'log', text: 'z' }, 0);
    services.engine.hangUp(null);
    services.engine.say({ type: 'log', text: 'too late' }, 0);
    expect(types()).toEqual(['attached', 'events', 'events', 'closed']);
  });

  it('detaches when it ends, also from an engine that answers only then', async () => {
    const { services, performer, dispatch, types } = open();
    performer.perform({ do: 'attach' }, dispatch);
    performer.close();
    await vi.waitFor(() => expect(services.engine.detached).toBe(1));
    expect(types()).toEqual([]);
  });
});

describe('the store', () => {
  it('moves at once and tells at most once in a while', () => {
    vi.useFakeTimers();
    let told = 0;
    const store = createStore({ model: initialModel({ now: 0 }), update, perform: () => undefined, quietMs: 40 });
    store.subscribe(() => {
      told += 1;
    });
    for (let now = 1; now <= 1000; now += 1) store.dispatch({ type: 'tick', now });
    expect(store.get().now).toBe(1000);
    expect(told).toBe(1);
    vi.advanceTimersByTime(40);
    expect(told).toBe(2);
    vi.advanceTimersByTime(400);
    expect(told).toBe(2);
    store.close();
    vi.useRealTimers();
  });
});
