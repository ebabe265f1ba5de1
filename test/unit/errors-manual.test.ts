import { expect, it } from 'vitest';
import { errorsManual } from '../../docs/generate/errors.ts';

/** `npx vitest run test/unit/errors-manual.test.ts -u` writes it anew. */
it('docs/errors.md is what the table of error codes says', async () => {
  await expect(errorsManual()).toMatchFileSnapshot('../../docs/errors.md');
});
