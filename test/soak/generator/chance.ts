import { type Random, seededRandom } from '../../../src/demo/random.ts';

/** A generator of its own for each purpose, so that one more number drawn for one leaves the others as they were. */
export function chanceOf(seed: number, purpose: string): Chance {
  // FNV-1a over seed and purpose.
  let mixed = 0x811c9dc5;
  for (const letter of `${seed} ${purpose}`) mixed = Math.imul(mixed ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return new Chance(seededRandom(mixed));
}

/** Questions that a generator asks of its random numbers. */
export class Chance {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A whole number, both ends included. */
  between(low: number, high: number): number {
    return this.#random.between(low, high);
  }

  /** True so many times of a hundred. */
  percent(share: number): boolean {
    return this.#random.between(1, 100) <= share;
  }

  /** One of a list that is not empty. */
  oneOf<T>(list: readonly T[]): T {
    const [first, ...rest] = list;
    if (first === undefined) throw new Error('nothing to choose from');
    return this.#random.oneOf<T>([first, ...rest]);
  }

  /** One of the names, each as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let at = this.#random.between(
      1,
      entries.reduce((sum, [, weight]) => sum + weight, 0),
    );
    for (const [name, weight] of entries) {
      at -= weight;
      if (at <= 0) return name;
    }
    throw new Error('weights are whole numbers above 0');
  }

  /** Some of a list, in its order. */
  some<T>(list: readonly T[], count: number): T[] {
    const left = new Set<number>();
    while (left.size < Math.min(count, list.length)) left.add(this.#random.between(0, list.length - 1));
    return list.filter((_, index) => left.has(index));
  }
}
