import { expect, test } from 'vitest';
import { bindTo } from '../../../src/engine/apply/bound-table.ts';
import { damageAtCommit, TableDamage } from '../../../src/engine/sync/damage.ts';
import { placeOf } from '../../../src/engine/sync/table-states.ts';
import { parseLsn } from '../../../src/postgres/lsn.ts';

const INTERNAL = '_timescaledb_internal';
const chunkOf = { schema: 'public', name: 'metrics' };
/** On the source `_hyper_3_17_chunk`, on the target `_hyper_1_2_chunk`. */
const chunk = {
  sourceOid: 1,
  schema: INTERNAL,
  name: '_hyper_3_17_chunk',
  chunkOf,
  into: { schema: INTERNAL, name: '_hyper_1_2_chunk' },
};
/** Another one, whose name on the source is that of the first on the target. */
const other = {
  sourceOid: 2,
  schema: INTERNAL,
  name: '_hyper_1_2_chunk',
  chunkOf,
  into: { schema: INTERNAL, name: '_hyper_1_9_chunk' },
};
const SHOWN = '_timescaledb_internal._hyper_3_17_chunk (a chunk of public.metrics)';

const columns = [{ name: 'id', key: true, type: 23, typmod: -1 }];
const relation = { oid: 1, schema: INTERNAL, name: '_hyper_3_17_chunk', identity: 'default', columns } as const;

test('TM5001 and TM5002 name the chunk of the source and its hypertable, not the chunk of the target', () => {
  const id = { name: 'id', typeOid: 23, modifier: -1, type: 'integer', baseType: 'integer', baseOid: 23 } as const;
  const found = {
    oid: 7,
    keys: [['id']],
    columns: [{ ...id, generated: false, mustBeSent: true, equals: null, indexed: true }],
  };
  const bound = bindTo(found, relation, placeOf(chunk));
  expect(bound).toMatchObject({ display: SHOWN, target: '"_timescaledb_internal"."_hyper_1_2_chunk"' });
  expect(() => bindTo(null, relation, placeOf(chunk))).toThrow(expect.objectContaining({ object: SHOWN }));
});

test('what a COMMIT refuses damages the chunk that the server names, which has another name on the source', () => {
  const refusal = Object.assign(new Error('duplicate key'), {
    code: '23505',
    schema: INTERNAL,
    table: '_hyper_1_2_chunk',
  });
  const damage = damageAtCommit(refusal, [other, chunk], parseLsn('0/1'));
  expect(damage).toBeInstanceOf(TableDamage);
  expect(damage).toMatchObject({ sourceOid: 1, object: SHOWN });
});
