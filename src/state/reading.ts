import type { Message } from './messages.ts';
import type { Model } from './model.ts';

/**
 * How far a text on the screen is scrolled, and how much of it has been in sight. Only the screen knows how many lines
 * there are and how many fit: it tells with `drawn`.
 */
export interface Reading {
  /** The text: with another one everything begins again. */
  readonly of: unknown;
  readonly scroll: number;
  /** Lines from the first on that have been in sight, without a gap. */
  readonly seen: number;
  /** The width that `seen` was counted at. */
  readonly width: number;
  /** Every line has been in sight. */
  readonly isRead: boolean;
  /** Lines that are in sight at once. */
  readonly page: number;
}

/** Lines by which a list moves a page. */
const LIST_PAGE = 10;

export const newReading = (of: unknown = null): Reading => ({
  of,
  scroll: 0,
  seen: 0,
  width: 0,
  isRead: false,
  page: LIST_PAGE,
});

/** What is read on top of the screen; undefined: a reader, which keeps its own place and leaves that of the screen alone. */
function textOf({ overlay, screen }: Model): unknown {
  if (!overlay) return screen;
  if (overlay.kind === 'question') return overlay.lines;
  return overlay.kind === 'stop' ? 'stop' : undefined;
}

/** The model with the reading begun anew when another text is shown. */
export function followText(model: Model): Model {
  const text = textOf(model);
  if (text === undefined || text === model.reading.of) return model;
  return { ...model, reading: newReading(text), notice: model.notice === READ_FIRST ? null : model.notice };
}

const scrollTo = (model: Model, scroll: number): Model => ({
  ...model,
  reading: { ...model.reading, scroll: Math.max(0, scroll) },
});

/** Whether the screen has lines of which one is selected; anything else is only read. */
function isList({ overlay, screen, checks, provider, identity, hypertables }: Model): boolean {
  if (overlay) return false;
  const tab = checks[provider];
  switch (screen) {
    case 'checks':
      return tab.results.length + tab.steps.length > 0;
    case 'identity':
      return identity.rows.state === 'ready';
    case 'hypertables':
      return hypertables.rows.state === 'ready';
    default:
      return screen === 'plan';
  }
}

/** What a key for a page or a line means where the model is: the selection moves, or the text does. */
export function scrolled(model: Model, message: Extract<Message, { type: 'page' | 'scroll' }>): Model | Message {
  const { overlay, reading } = model;
  const isReader = overlay !== null && 'scroll' in overlay;
  const selects = isList(model);
  const page = selects ? LIST_PAGE : reading.page;
  const by = message.type === 'page' ? message.by * page : message.by;
  if (isReader || selects) return { type: 'move', by };
  return scrollTo(model, reading.scroll + by);
}

/** What the screen has drawn: `start` to `end` (exclusive) of `length` lines. */
export function drawn(model: Model, message: Extract<Message, { type: 'drawn' }>): Model {
  const { start, end, length, width } = message;
  const { overlay } = model;
  const page = Math.max(1, end - start);
  if (overlay && 'scroll' in overlay) {
    const isPast = overlay.scroll > start;
    if (!isPast && page === model.reading.page) return model;
    // A key that went past the end counts no further than to it.
    return {
      ...model,
      overlay: isPast ? { ...overlay, scroll: start } : overlay,
      reading: { ...model.reading, page },
    };
  }
  const { reading } = model;
  const before = reading.width === width ? reading.seen : 0;
  const seen = start <= before ? Math.max(before, end) : before;
  const isRead = reading.isRead || seen >= length;
  const scroll = Math.min(reading.scroll, start);
  const next: Reading = { of: reading.of, scroll, seen, width, isRead, page };
  const isSame = (Object.keys(next) as (keyof Reading)[]).every((key) => next[key] === reading[key]);
  if (isSame) return model;
  return { ...model, reading: next, notice: isRead && model.notice === READ_FIRST ? null : model.notice };
}

const READ_FIRST: Model['notice'] = { tone: 'info', text: 'read to the end first: this is the rest (PgUp goes back)' };

/** Shows what has not been in sight yet, and says that it counts then. */
export function readOn(model: Model): Model {
  const { reading, overlay } = model;
  const next = scrollTo(model, Math.min(reading.seen, reading.scroll + reading.page));
  // A question says so itself.
  return overlay?.kind === 'question' ? next : { ...next, notice: READ_FIRST };
}
