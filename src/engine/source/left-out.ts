import type pg from 'pg';
import { recordObject } from '../target/progress-schema.ts';
import { readLeftOutSchemas } from './belongs.ts';

/** Kind of the record on the target of a schema of the source that is not migrated; its detail says why. */
export const LEFT_OUT_SCHEMA = 'left out schema';

/** Remembers which schemas are not migrated, as `source` sees them: the stream and the report go by that. */
export async function recordLeftOutSchemas(source: pg.Client, target: pg.Client): Promise<void> {
  for (const { name, why } of await readLeftOutSchemas(source)) await recordObject(target, LEFT_OUT_SCHEMA, name, why);
}

/** Those that were left out, with the reasons: `name (why)`. */
export async function readRecordedLeftOut(target: pg.Client): Promise<string[]> {
  const { rows } = await target.query<{ name: string; detail: string }>(
    'SELECT name, detail FROM tiger_migrate.object WHERE kind = $1 ORDER BY name',
    [LEFT_OUT_SCHEMA],
  );
  return rows.map(({ name, detail }) => `${name} (${detail})`);
}
