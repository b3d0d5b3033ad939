import { seededRandom } from "../support/capture-mutation.ts";

/** Decisions of one fuzz run: the same seed decides the same. */
export class Chance {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True in this share of cases. */
  in(share: number): boolean {
    return this.#random() < share;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** Small numbers often, large ones seldom. */
  skewed(limit: number): number {
    return Math.floor(this.#random() ** 4 * limit);
  }

  /** A byte that parsers trip over more often than over others. */
  byte(): number {
    return this.in(0.5) ? this.pick(ODD_BYTES) : this.below(256);
  }

  /** A 32-bit number that does. */
  word(): number {
    return this.in(0.6) ? this.pick(ODD_WORDS) : Math.floor(this.#random() * 2 ** 32);
  }
}

const ODD_BYTES: readonly number[] = [
  0, 1, 2, 3, 4, 6, 9, 0x0a, 0x0d, 0x14, 0x15, 0x16, 0x17, 0x18, 0x1b, 0x20, 0x2d, 0x2c, 0x28, 0x29, 0x40, 0x45, 0x46,
  0x4f, 0x60, 0x7f, 0x80, 0x81, 0x9b, 0xc0, 0xe2, 0xed, 0xf0, 0xf4, 0xfb, 0xfe, 0xff,
];

const ODD_WORDS: readonly number[] = [
  0, 1, 3, 4, 7, 8, 11, 12, 13, 15, 16, 20, 24, 28, 32, 36, 54, 60, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe,
  0xffff, 0x10000, 0x3ffff, 0x40000, 0x40001, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffe,
  0xffffffff, 0x0a0d0d0a, 0x1a2b3c4d, 0xa1b2c3d4,
];
