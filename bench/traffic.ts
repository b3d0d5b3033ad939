import { ACK, type CaptureWriter, FIN, type Host, PSH, RST, type Segment, SYN } from "./capture-writer.ts";

/** Random numbers that depend on the seed alone (mulberry32). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }

  /** True in one of `times` cases. */
  oneIn(times: number): boolean {
    return this.#next() * times < 1;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.between(0, items.length - 1)]!;
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

/** Somebody on the network: does something each time it is resumed, and says how many microseconds later it goes on. */
export type Actor = Generator<number, void, void>;

/** Lets actors take turns in the order of the capture's time. */
export class Timeline {
  readonly writer: CaptureWriter;
  readonly chance: Chance;
  readonly #times: number[] = [];
  readonly #actors: Actor[] = [];
  #noiseAt = 0;
  /** Microseconds since the capture's begin. */
  now = 0;

  constructor(writer: CaptureWriter, seed: number) {
    this.writer = writer;
    this.chance = new Chance(seed);
  }

  /** Payload that means nothing. */
  noise(length: number): Uint8Array {
    if (this.#noiseAt + length > noise.length) this.#noiseAt = 0;
    this.#noiseAt += length;
    return noise.subarray(this.#noiseAt - length, this.#noiseAt);
  }

  /** @param delay microseconds from now until the actor first acts */
  start(actor: Actor, delay = 0): void {
    this.#push(actor, this.now + delay);
  }

  /** Until every actor has ended. */
  run(): void {
    while (this.#actors.length > 0) {
      const actor = this.#actors[0]!;
      this.now = this.#times[0]!;
      const { done, value } = actor.next();
      if (done) this.#drop();
      else this.#sink(actor, this.now + value);
    }
  }

  #push(actor: Actor, time: number): void {
    let at = this.#times.length;
    for (let parent = (at - 1) >> 1; at > 0 && this.#times[parent]! > time; parent = (at - 1) >> 1) {
      this.#place(at, this.#actors[parent]!, this.#times[parent]!);
      at = parent;
    }
    this.#place(at, actor, time);
  }

  #drop(): void {
    const [actor, time] = [this.#actors.pop()!, this.#times.pop()!];
    if (this.#actors.length > 0) this.#sink(actor, time);
  }

  /** Puts an actor in the first one's place and lets it sink to where it belongs. */
  #sink(actor: Actor, time: number): void {
    const size = this.#times.length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#times[child + 1]! < this.#times[child]!) child++;
      if (this.#times[child]! >= time) break;
      this.#place(at, this.#actors[child]!, this.#times[child]!);
      at = child;
    }
    this.#place(at, actor, time);
  }

  #place(at: number, actor: Actor, time: number): void {
    this.#actors[at] = actor;
    this.#times[at] = time;
  }
}

const NOTHING = new Uint8Array(0);
/** Payload of a full segment. */
export const FULL_SEGMENT = 1448;

// Larger than what gzip looks back on, so that a compressed capture is as large as one of encrypted traffic.
const noise = new Uint8Array(1 << 20);
const noiseChance = new Chance(1);
// Bytes above 127: no text of any protocol comes about by chance.
for (let at = 0; at < noise.length; at++) noise[at] = noiseChance.between(128, 255);

/** Who sent the SYN, and who got it. */
export type End = "originator" | "responder";

/** One TCP connection; what it sends is written at the timeline's present. */
export class Connection {
  readonly #timeline: Timeline;
  readonly #hosts: readonly [Host, Host];
  readonly #ports: readonly [number, number];
  readonly #next: [number, number];
  /** Microseconds there and back. */
  readonly roundTrip: number;

  constructor(timeline: Timeline, originator: Host, originatorPort: number, responder: Host, responderPort: number) {
    const { chance } = timeline;
    this.#timeline = timeline;
    this.#hosts = [originator, responder];
    this.#ports = [originatorPort, responderPort];
    this.#next = [chance.between(0, 0xffff_ffff), chance.between(0, 0xffff_ffff)];
    this.roundTrip = chance.between(400, 30_000);
  }

  /** The three segments that open it. */
  *open(): Actor {
    this.#send("originator", SYN, NOTHING);
    yield this.roundTrip;
    this.#send("responder", SYN | ACK, NOTHING);
    yield 40;
    this.#send("originator", ACK, NOTHING);
    yield 20;
  }

  /** A SYN that nobody answers, again after 1 and 3 s. */
  *knock(): Actor {
    const first = this.#next[0];
    for (const pause of [1_000_000, 2_000_000, 2_000_000]) {
      this.#next[0] = first;
      this.#send("originator", SYN, NOTHING);
      yield pause;
    }
  }

  /** A SYN that is answered by RST. */
  *refused(): Actor {
    this.#send("originator", SYN, NOTHING);
    yield this.roundTrip;
    this.#send("responder", RST | ACK, NOTHING);
    yield 40;
  }

  /** A SYN that a router answers with ICMP. */
  *prohibited(router: Host): Actor {
    const syn = this.#segment("originator", SYN, NOTHING);
    this.#timeline.writer.tcp(this.#timeline.now, syn);
    yield this.roundTrip;
    this.#timeline.writer.prohibited(this.#timeline.now, router, syn);
    yield 40;
  }

  /** A SYN and nothing else. */
  syn(): void {
    this.#send("originator", SYN, NOTHING);
  }

  /** Text or bytes in one segment, and its acknowledgment. */
  *say(end: End, words: string | Uint8Array): Actor {
    this.#send(end, PSH | ACK, typeof words === "string" ? Buffer.from(words, "latin1") : words);
    yield this.roundTrip >> 1;
    this.#send(otherEnd(end), ACK, NOTHING);
    yield 30;
  }

  /** So many bytes in full segments, every second one acknowledged. */
  *carry(end: End, length: number): Actor {
    let unacknowledged = 0;
    for (let left = length; left > 0; left -= FULL_SEGMENT) {
      this.#send(end, ACK, this.#timeline.noise(Math.min(left, FULL_SEGMENT)));
      if (++unacknowledged === 2 || left <= FULL_SEGMENT) {
        yield 60;
        this.#send(otherEnd(end), ACK, NOTHING);
        unacknowledged = 0;
      }
      yield this.#timeline.chance.between(20, 400);
    }
  }

  /** FIN of this end, then of the other. */
  *close(end: End): Actor {
    this.#send(end, FIN | ACK, NOTHING);
    yield this.roundTrip;
    this.#send(otherEnd(end), FIN | ACK, NOTHING);
    yield 40;
    this.#send(end, ACK, NOTHING);
  }

  reset(end: End): void {
    this.#send(end, RST | ACK, NOTHING);
  }

  #send(end: End, flags: number, payload: Uint8Array): void {
    this.#timeline.writer.tcp(this.#timeline.now, this.#segment(end, flags, payload));
    const at = end === "originator" ? 0 : 1;
    this.#next[at] = (this.#next[at] + payload.length + (flags & (SYN | FIN) ? 1 : 0)) >>> 0;
  }

  #segment(end: End, flags: number, payload: Uint8Array): Segment {
    const [at, other] = end === "originator" ? ([0, 1] as const) : ([1, 0] as const);
    return {
      from: this.#hosts[at],
      fromPort: this.#ports[at],
      to: this.#hosts[other],
      toPort: this.#ports[other],
      sequence: this.#next[at],
      acknowledgment: this.#next[other],
      flags,
      payload,
    };
  }
}

function otherEnd(end: End): End {
  return end === "originator" ? "responder" : "originator";
}
