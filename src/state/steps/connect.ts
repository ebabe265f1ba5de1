import { nextLock, wizardInput } from '../gates.ts';
import { idle } from '../loadable.ts';
import { type Message, type Step, step } from '../messages.ts';
import {
  CONNECT_FIELDS,
  type ConnectField,
  emptyHypertables,
  emptyIdentity,
  emptyTab,
  emptyWork,
  type Model,
  type ProbedSide,
} from '../model.ts';
import { enterChecks } from './checks.ts';

/** Another source or target: what was found with the old one is void. */
const forget = (model: Model): Model => ({
  ...model,
  checks: {
    'selfhosted-timescaledb': { ...emptyTab, run: model.checks['selfhosted-timescaledb'].run },
    'selfhosted-postgres': { ...emptyTab, run: model.checks['selfhosted-postgres'].run },
    rds: { ...emptyTab, run: model.checks.rds.run },
    mst: { ...emptyTab, run: model.checks.mst.run },
  },
  identity: emptyIdentity,
  work: emptyWork,
  hypertables: { ...emptyHypertables, run: model.hypertables.run },
  plan: { ...model.plan, summary: idle },
});

/** Asks for a probe of one side as its fields stand now. */
export function probeSide(model: Model, side: ProbedSide): Step {
  const form = model.connect[side];
  const edition = form.edition + 1;
  const empty = form.uri.text.trim() === '';
  const next: Model = {
    ...forget(model),
    connect: {
      ...model.connect,
      [side]: { ...form, edition, probe: { state: empty ? 'empty' : 'waiting' } },
    },
  };
  return step(
    next,
    empty ? { do: 'cancel-probe', side } : { do: 'probe', side, edition, connection: wizardInput(next)[side] },
  );
}

/** The connection form, with whatever is known already being probed. */
export function enterConnect(model: Model): Step {
  const empty = CONNECT_FIELDS.find((name) => name.endsWith('.uri') && fieldText(model, name) === '');
  const opened: Model = { ...model, screen: 'connect', connect: { ...model.connect, focus: empty ?? 'source.uri' } };
  const source = probeSide(opened, 'source');
  const target = probeSide(source.model, 'target');
  return step(target.model, ...source.effects, ...target.effects);
}

const fieldText = (model: Model, name: ConnectField): string => {
  const [side, part] = name.split('.') as [ProbedSide, 'uri' | 'password'];
  return model.connect[side][part].text;
};

const moveFocus = (model: Model, by: number): Model => {
  const at = CONNECT_FIELDS.indexOf(model.connect.focus);
  const focus = CONNECT_FIELDS[(at + by + CONNECT_FIELDS.length) % CONNECT_FIELDS.length] ?? 'source.uri';
  return { ...model, connect: { ...model.connect, focus } };
};

/** After the text of the focused field changed. */
export const connectEdited = (model: Model): Step =>
  probeSide(model, model.connect.focus.startsWith('source') ? 'source' : 'target');

function probed(model: Model, message: Extract<Message, { type: 'probed' | 'probe-failed' }>): Model {
  const form = model.connect[message.side];
  if (form.edition !== message.edition) return model;
  const probe =
    message.type === 'probed'
      ? ({ state: 'ok', report: message.report } as const)
      : ({ state: 'failed', error: message.error } as const);
  const next: Model = { ...model, connect: { ...model.connect, [message.side]: { ...form, probe } } };
  const kind = message.side === 'source' && message.type === 'probed' ? message.report.provider : null;
  return kind !== null && model.providerDetected ? { ...next, provider: kind } : next;
}

/** Messages of the connection form; null when it has no answer to this one. */
export function connectStep(model: Model, message: Message): Step | null {
  switch (message.type) {
    case 'probed':
    case 'probe-failed':
      return step(probed(model, message));
    case 'focus':
    case 'move':
      return step(moveFocus(model, message.by));
    case 'rerun': {
      const source = probeSide(model, 'source');
      const target = probeSide(source.model, 'target');
      return step(target.model, ...source.effects, ...target.effects);
    }
    case 'next': {
      const lock = nextLock(model);
      if (lock === null) return enterChecks(model);
      const last = model.connect.focus === CONNECT_FIELDS.at(-1);
      const moved = last ? model : moveFocus(model, 1);
      return step({ ...moved, notice: { tone: 'locked', text: lock } });
    }
    default:
      return null;
  }
}
