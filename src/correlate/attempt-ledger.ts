import { formatEndpoint } from "../address.ts";
import type { SessionFacts } from "./session-facts.ts";

/** More targets than this from one source within {@link SCAN_SECONDS} are a scan, not sessions. */
export const SCAN_TARGETS = 3;
export const SCAN_SECONDS = 60;
/** Sources whose attempts are held at once; beyond it the oldest is let go. */
export const MAX_SOURCES = 65_536;
/** Attempts of one source that are held for sessions while it is not a scanner. */
export const MAX_HELD_ATTEMPTS = 64;

/** A source that tried many control ports. */
export interface Scan {
  readonly source: string;
  /** Distinct host:port targets; counting stops at a limit. */
  readonly targets: number;
  readonly attempts: number;
  readonly firstPacket: number;
  readonly lastPacket: number;
  readonly examples: readonly string[];
}

interface Source {
  held: SessionFacts[];
  /** Target → time of the latest attempt. */
  targets: Map<string, number>;
  scan: { attempts: number; targets: Set<string>; firstPacket: number; lastPacket: number } | null;
  lastTime: number;
}

/** Distinct targets of a scan that are told apart. */
const MAX_COUNTED_TARGETS = 10_000;

/**
 * Sets scans apart. A control connection on which no client said anything (unanswered, refused, or opened and left) is held back until it
 * is clear that its source did not try many others too; sessions with a dialogue go straight on.
 */
export class AttemptLedger {
  readonly #emit: (facts: SessionFacts) => void;
  readonly #sources = new Map<string, Source>();
  readonly #scans: Scan[] = [];
  #nextSweep = 0;

  constructor(emit: (facts: SessionFacts) => void) {
    this.#emit = emit;
  }

  settled(facts: SessionFacts): void {
    if (!isMereAttempt(facts)) {
      this.#emit(facts);
      return;
    }
    const address = facts.client.address;
    let source = this.#sources.get(address);
    if (!source) {
      if (this.#sources.size >= MAX_SOURCES) this.#letGo(this.#sources.keys().next().value!);
      source = { held: [], targets: new Map(), scan: null, lastTime: 0 };
      this.#sources.set(address, source);
    }
    const time = facts.control.firstTime;
    source.lastTime = Math.max(source.lastTime, time);
    const target = formatEndpoint({ address: facts.server.address, port: facts.server.port });
    if (source.scan === null) {
      source.targets.set(target, time);
      for (const [other, at] of source.targets) if (Math.abs(time - at) > SCAN_SECONDS) source.targets.delete(other);
      if (source.targets.size > SCAN_TARGETS) {
        source.scan = {
          attempts: 0,
          targets: new Set(),
          firstPacket: facts.control.firstPacket,
          lastPacket: facts.control.lastPacket,
        };
        for (const earlier of source.held) addToScan(source.scan, earlier);
        source.held = [];
      }
    }
    if (source.scan) addToScan(source.scan, facts);
    else {
      source.held.push(facts);
      if (source.held.length > MAX_HELD_ATTEMPTS) this.#emit(source.held.shift()!);
    }
  }

  /** Lets go what is too old to become part of a scan. */
  tick(seconds: number): void {
    if (seconds < this.#nextSweep) return;
    this.#nextSweep = seconds + SCAN_SECONDS / 2;
    for (const [address, source] of this.#sources)
      if (seconds - source.lastTime > 4 * SCAN_SECONDS) this.#letGo(address);
  }

  finish(): void {
    const held = [...this.#sources.values()].flatMap((source) => source.held);
    for (const source of this.#sources.values()) source.held = [];
    for (const address of [...this.#sources.keys()]) this.#letGo(address);
    for (const facts of held.sort((a, b) => a.control.firstPacket - b.control.firstPacket)) this.#emit(facts);
  }

  /** The scans found, once finished. */
  get scans(): readonly Scan[] {
    return this.#scans;
  }

  #letGo(address: string): void {
    const source = this.#sources.get(address)!;
    this.#sources.delete(address);
    for (const facts of source.held) this.#emit(facts);
    if (source.scan) {
      const { attempts, targets, firstPacket, lastPacket } = source.scan;
      this.#scans.push({
        source: address,
        targets: targets.size,
        attempts,
        firstPacket,
        lastPacket,
        examples: [...targets].slice(0, 5),
      });
    }
  }
}

/** Nobody said anything as a client: it may be a probe. */
function isMereAttempt(facts: SessionFacts): boolean {
  return facts.client.bytes === 0 && facts.candidates.length === 0;
}

function addToScan(scan: NonNullable<Source["scan"]>, facts: SessionFacts): void {
  scan.attempts++;
  scan.firstPacket = Math.min(scan.firstPacket, facts.control.firstPacket);
  scan.lastPacket = Math.max(scan.lastPacket, facts.control.lastPacket);
  if (scan.targets.size < MAX_COUNTED_TARGETS)
    scan.targets.add(formatEndpoint({ address: facts.server.address, port: facts.server.port }));
}
