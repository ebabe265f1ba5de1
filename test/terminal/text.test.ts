import { describe, expect, it } from 'vitest';
import { holdsPassword, maskConnection, passwordFor, withPassword } from '../../src/state/connection-text.ts';
import { editField, type FieldEdit, textField } from '../../src/state/text-field.ts';
import { fieldWindow, shownText } from '../../src/ui/field.tsx';
import { cutMiddle, fitPair } from '../../src/ui/fit.ts';
import { wrapLines } from '../../src/ui/wrap.ts';

const edited = (text: string, ...edits: FieldEdit[]): string => {
  const field = edits.reduce(editField, textField(text));
  const points = [...field.text];
  return `${points.slice(0, field.cursor).join('')}|${points.slice(field.cursor).join('')}`;
};
const insert = (text: string): FieldEdit => ({ kind: 'insert', text });
const key = (kind: Exclude<FieldEdit['kind'], 'insert'>): FieldEdit => ({ kind }) as FieldEdit;

describe('a text field', () => {
  it('strips the line breaks of what is pasted', () => {
    expect(edited('', insert('postgres://h/db\r\n'))).toBe('postgres://h/db|');
    expect(edited('', insert('a\nb\tc\u001b'))).toBe('abc|');
  });

  it('edits at the cursor, by code points', () => {
    expect(edited('a🐯b', key('left'), key('backspace'))).toBe('a|b');
    expect(edited('abc', key('home'), key('delete'), insert('x'))).toBe('x|bc');
    expect(edited('abc', key('left'), key('kill-right'))).toBe('ab|');
    expect(edited('abc', key('left'), key('kill-left'))).toBe('|c');
    expect(edited('one two  ', key('kill-word'))).toBe('one |');
    expect(edited('', key('backspace'), key('left'), key('right'), key('delete'))).toBe('|');
  });

  it('shows the part that has the cursor in it', () => {
    const points = [...'abcdefghij'];
    expect(fieldWindow(points, 10, 5)).toEqual({ text: '…hij', at: 4 });
    expect(fieldWindow(points, 0, 5)).toEqual({ text: 'abcd…', at: 0 });
    expect(fieldWindow([...'ab'], 2, 5)).toEqual({ text: 'ab', at: 2 });
  });
});

describe('passwords in connection strings', () => {
  it.each([
    ['postgres://app:s3cret@h/db', 'postgres://app:••••••@h/db'],
    ['postgres://app:p@ss@h/db', 'postgres://app:••••@h/db'],
    ['postgresql://app@h:5432/db', 'postgresql://app@h:5432/db'],
    ['postgres://h:5432/db', 'postgres://h:5432/db'],
    ['postgres://h1:5432,h2:5433/db', 'postgres://h1:5432,h2:5433/db'],
    ['postgres://[::1]:5432/db', 'postgres://[::1]:5432/db'],
    ['postgres://app:halfty', 'postgres://app:••••••'],
    ['postgres://app:1234', 'postgres://app:••••'],
    ['postgres://h/db?user=u&password=pw&sslmode=require', 'postgres://h/db?user=u&password=••&sslmode=require'],
    ['host=h password=pw dbname=d', 'host=h password=•• dbname=d'],
    ["host=h password = 'a \\' b' dbname=d", 'host=h password = •••••••• dbname=d'],
    ["password='never closed dbname=d", 'password=••••••••••••••••••••••'],
    ['passfile=/home/me/.pgpass host=h', 'passfile=/home/me/.pgpass host=h'],
    ['', ''],
  ])('%s is shown as %s', (text, shown) => {
    expect(maskConnection(text)).toBe(shown);
    expect(shownText(text, 'connection', '•')).toHaveLength([...text].length);
  });

  it('are put in where the text has none', () => {
    expect(withPassword('postgres://app@h/db', 'a/b@c')).toBe('postgres://app:a%2Fb%40c@h/db');
    expect(withPassword('postgres://h/db', 'x')).toBe('postgres://h/db?password=x');
    expect(withPassword('postgres://h/db?user=u', 'x')).toBe('postgres://h/db?user=u&password=x');
    expect(withPassword('host=h', "it's")).toBe("host=h password='it\\'s'");
    expect(withPassword('postgres://app:old@h/db', 'new')).toBe('postgres://app:old@h/db');
    expect(withPassword('postgres://app@h/db', '')).toBe('postgres://app@h/db');
  });

  it('are known again for the same server, user and database', () => {
    expect(passwordFor('postgres://a@h:5432/db', 'postgres://a:p%40ss@h:5432/db?sslmode=require')).toBe('p@ss');
    expect(passwordFor('postgres://a@h/db', 'postgres://a@h/db?password=x')).toBe('x');
    expect(passwordFor('postgres://a@h/db', 'postgres://a:p@h/other')).toBe('');
    expect(passwordFor('host=h dbname=db', 'postgres://a:p@h/db')).toBe('');
    expect(passwordFor('postgres://a@h/db', 'postgres://a:100%@h/db')).toBe('');
  });

  it('are found', () => {
    expect(['postgres://a:b@h/d', 'postgres://a@h/d', 'password=x', 'host=h'].map(holdsPassword)).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});

it('text is broken into lines at its spaces, and keeps its own lines', () => {
  expect(wrapLines('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrapLines('a\n  indented line', 10)).toEqual(['a', '  indented', 'line']);
  expect(wrapLines('unbreakable', 4)).toEqual(['unbr', 'eaka', 'ble']);
  expect(wrapLines('', 4)).toEqual(['']);
});

it('two addresses share a line, the longer one giving way', () => {
  expect(cutMiddle('abcdefghij', 5, '…')).toBe('ab…ij');
  expect(fitPair('short', 'a-very-long-address/db', 20, '…')).toEqual(['short', 'a-very-…ress/db']);
  expect(fitPair('a-very-long-address/db', 'another-long-one/db', 20, '…')).toEqual([
    'a-very…/db'.replace('very…', 'ver…s'),
    'anoth…e/db',
  ]);
});
