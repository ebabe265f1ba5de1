import { describe, expect, test } from 'vitest';
import { withoutPassword } from '../../src/postgres/connection-string.ts';

describe('a connection string without its password', () => {
  test.each([
    ['postgres://u:hush@h:1/d?sslmode=require', 'postgres://u@h:1/d?sslmode=require'],
    ['postgres://u@h/d', 'postgres://u@h/d'],
    ['postgres://h/d', 'postgres://h/d'],
    ['postgres://:hush@h/d', 'postgres://@h/d'],
    ['postgres://u:hush:hush@h/d', 'postgres://u@h/d'],
    ['postgres://u@h/d?password=hush', 'postgres://u@h/d'],
    ['postgres://u@h/d?password=hush&sslmode=require', 'postgres://u@h/d?sslmode=require'],
    ['postgres://u@h/d?sslmode=require&password=hush&port=1', 'postgres://u@h/d?sslmode=require&port=1'],
    ['postgres://u:hush@h/d?password=hush&password=hush', 'postgres://u@h/d'],
    ['postgres://u:hu%2Fsh@h/d?application_name=a%40b', 'postgres://u@h/d?application_name=a%40b'],
    ['host=h password=hush user=u', 'host=h user=u'],
    ["password = 'hu sh' host=h", 'host=h'],
    [String.raw`host=h password=hu\ sh`, 'host=h'],
    ['host=h user=u', 'host=h user=u'],
  ])('%s', (text, expected) => expect(withoutPassword(text)).toBe(expected));

  test.each([
    'postgres://u:hu/sh@h/d',
    'postgres://u:hu@sh@h/d',
    'postgres://u:5432/hush@h/d',
    'postgres://u:hush%4@h/d',
    'postgres://u:hush@h/d?schema=public&password=hush',
    'postgres://u@h/d?nope=1&sslpassword=hush',
    'postgres://u:hush@a:1,b:2/d',
    'mysql://u:hush@h/d',
    'u:hush@h/d',
    'host=h password=my hush user=u',
    "host=h password='hush user=u",
    'host=h Password = hush',
    'host=h passwd=hush',
  ])('%s is not understood, and loses it all the same', (text) => {
    expect(withoutPassword(text)).not.toMatch(/hu\b|hush|\bsh\b/);
  });

  test('what can be kept is kept', () => {
    expect(withoutPassword('host=h password=my hush user=u')).toBe('host=h  user=u');
    expect(withoutPassword('postgres://u:hu@sh@h/d')).toBe('postgres://u@h/d');
  });
});
