import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/demo/random.ts';
import { shopCalendar } from '../../src/demo/shop-tables.ts';
import { pickTransaction, SHOP_TRANSACTIONS } from '../../src/demo/shop-transactions.ts';

describe("the shop's calendar", () => {
  test('has twelve months and the next one, without gaps, across the year', () => {
    const { from, today, months } = shopCalendar(new Date('2025-01-31T23:59:59Z'));
    expect({ from, today }).toEqual({ from: '2024-02-01', today: '2025-01-31' });
    expect(months).toHaveLength(13);
    expect(months[0]).toEqual({ name: 'orders_2024_02', from: '2024-02-01', to: '2024-03-01' });
    expect(months[12]).toEqual({ name: 'orders_2025_02', from: '2025-02-01', to: '2025-03-01' });
    for (const [index, month] of months.entries()) {
      if (index > 0) expect(month.from).toBe(months[index - 1]?.to);
    }
  });
});

describe('what the writers do', () => {
  test('is the same for the same seed, and another for another', () => {
    const names = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 50 }, () => pickTransaction(random).name);
    };
    expect(names(1)).toEqual(names(1));
    expect(names(1)).not.toEqual(names(2));
  });

  test('has every kind of transaction in it', () => {
    const random = seededRandom(1);
    const seen = new Set(Array.from({ length: 5_000 }, () => pickTransaction(random).name));
    expect(seen).toEqual(new Set(SHOP_TRANSACTIONS.map(({ name }) => name)));
  });

  test('stays within bounds', () => {
    const random = seededRandom(3);
    const numbers = new Set(Array.from({ length: 1_000 }, () => random.between(-1, 2)));
    expect([...numbers].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2]);
  });
});
