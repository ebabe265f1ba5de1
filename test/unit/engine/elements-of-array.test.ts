import { expect, test } from 'vitest';
import { elementsOf } from '../../../src/engine/apply/whole-value.ts';

const read = (text: string): string[] =>
  elementsOf(Buffer.from(text)).map((element) => Buffer.from(element).toString());

test.each([
  ['{}', []],
  ['{a,NULL,"NULL",""}', ['a', 'NULL', '']],
  ['{{a,b},{"c,d","{e}"}}', ['a', 'b', 'c,d', '{e}']],
  ['[0:1]={é,"\\"x\\\\y"}', ['é', '"x\\y']],
  ['{"\\\\351",z}', ['\\351', 'z']],
])('the elements of the array %s', (text, elements) => {
  expect(read(text)).toEqual(elements);
});
