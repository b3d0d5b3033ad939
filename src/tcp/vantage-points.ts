/**
 * Tells whether one of two captures begins where the other has ended, as the files of a ring do. They are indexes into the captures of an
 * analysis.
 */
export type AreSequence = (one: number, other: number) => boolean;

/** The point of a connection that is not known to be seen at two: it takes the packets of all captures. */
export const ANY_POINT = -1;

/**
 * Which captures were taken at which point. All count as taken at one until a connection shows that two of them were not; only connections that
 * are seen twice are then bound to a point, so that a session whose packets are spread over captures stays whole.
 */
export class VantagePoints {
  readonly #areSequence: AreSequence;
  /** The captures of each point, by the point's number. */
  readonly #points: number[][] = [];
  /** The point of each capture that was asked for. */
  readonly #pointOf = new Map<number, number>();

  constructor(areSequence: AreSequence) {
    this.#areSequence = areSequence;
  }

  /** Whether any two captures are known to be taken at two points. */
  get areSeveral(): boolean {
    return this.#points.length > 1;
  }

  /** The point of a capture: that of captures which it goes on from, or else one of its own. */
  of(capture: number): number {
    const known = this.#pointOf.get(capture);
    if (known !== undefined) return known;
    const point = this.#points.findIndex((captures) => captures.every((other) => this.#areSequence(capture, other)));
    return this.#place(capture, point >= 0 ? point : this.#points.push([]) - 1);
  }

  #place(capture: number, point: number): number {
    this.#points[point].push(capture);
    this.#pointOf.set(capture, point);
    return point;
  }

  /** The captures taken at a point; none for {@link ANY_POINT}. */
  capturesOf(point: number): readonly number[] {
    return this.#points[point] ?? [];
  }

  /**
   * Whether two captures that show the same packet, each its own record of it, were taken at two points.
   * @param certain that they were, even if one begins where the other has ended: their clocks are apart
   */
  areApart(one: number, other: number, certain = false): boolean {
    if (one === other) return false;
    const point = this.of(one);
    if (certain && !this.#pointOf.has(other)) this.#place(other, this.#points.push([]) - 1);
    return point !== this.of(other);
  }
}
