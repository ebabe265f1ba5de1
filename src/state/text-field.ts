/** A line of text being edited. `cursor` counts code points, 0 is before the first. */
export interface TextField {
  readonly text: string;
  readonly cursor: number;
}

/** What a key does to a field. */
export type FieldEdit =
  | { readonly kind: 'insert'; readonly text: string }
  | {
      readonly kind:
        | 'backspace'
        | 'delete'
        | 'left'
        | 'right'
        | 'home'
        | 'end'
        | 'kill-left'
        | 'kill-right'
        | 'kill-word';
    };

/** A field holding `text`, the cursor behind it. */
export const textField = (text = ''): TextField => ({ text, cursor: [...text].length });

/**
 * One line has no control characters: whoever pastes a URI with the line break behind it means the URI. Tabs and line
 * breaks go too, inside the text as well as at its ends.
 */
export const oneLine = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '');

/** The field after one edit; pure. */
export function editField(field: TextField, edit: FieldEdit): TextField {
  const points = [...field.text];
  const at = Math.min(field.cursor, points.length);
  const join = (before: readonly string[], after: readonly string[]): TextField => ({
    text: [...before, ...after].join(''),
    cursor: before.length,
  });
  switch (edit.kind) {
    case 'insert':
      return join([...points.slice(0, at), ...oneLine(edit.text)], points.slice(at));
    case 'backspace':
      return join(points.slice(0, Math.max(0, at - 1)), points.slice(at));
    case 'delete':
      return join(points.slice(0, at), points.slice(at + 1));
    case 'left':
      return { ...field, cursor: Math.max(0, at - 1) };
    case 'right':
      return { ...field, cursor: Math.min(points.length, at + 1) };
    case 'home':
      return { ...field, cursor: 0 };
    case 'end':
      return { ...field, cursor: points.length };
    case 'kill-left':
      return join([], points.slice(at));
    case 'kill-right':
      return join(points.slice(0, at), []);
    case 'kill-word': {
      const kept = points.slice(0, at).join('').replace(/\s+$/, '').replace(/\S+$/, '');
      return join([...kept], points.slice(at));
    }
    default:
      return edit satisfies never;
  }
}
