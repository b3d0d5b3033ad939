import { type Endpoint, formatEndpoint } from "../address.ts";
import { UNPRIVILEGED_PORT } from "../ports.ts";
import type { SynMemory } from "../tcp/syn-memory.ts";
import type { SessionFacts } from "./session-facts.ts";

/**
 * More targets than this from one source within {@link SCAN_SECONDS} are a scan, not sessions; so many are one where all were tried from one port: stacks
 * take another for each connection, and scanners that make their own SYNs (nmap, masscan) do not.
 */
const SCAN_TARGETS = 3;
const SCAN_SECONDS = 60;
/**
 * More well-known ports of one host than this, tried by one source within {@link SCAN_SECONDS}, are a scan too, from whatever ports; monitoring asks
 * after a handful. Ports above do not count: they may be the data ports of a session that nobody recognised.
 */
const SCAN_PORTS = 16;
/**
 * How often the remembered SYNs are searched for what else a source tried, at most (seconds of capture time), for how many sources
 * then, and for how many at the end: a search takes a fifth of a millisecond. Further ones wait for the next time; at the end they are no scanners.
 */
const LOOK_SECONDS = 30;
const MAX_ASKED = 64;
const MAX_ASKED_LAST = 1024;
/**
 * More attempts than this at one target within {@link FLOOD_SECONDS}, each a single SYN that its sender never came back to, are a SYN flood: a
 * stack that wants a connection repeats its SYN after a second (RFC 6298 section 2) and acknowledges a SYN-ACK.
 */
export const FLOOD_ATTEMPTS = 256;
const FLOOD_SECONDS = 60;
/** Sources whose attempts are held at once; beyond it the oldest is let go. */
const MAX_SOURCES = 65_536;
/** Attempts of one source that are held for sessions while it is not a scanner. */
const MAX_HELD_ATTEMPTS = 64;
/** Targets that are watched for floods, and sources of attempts that nobody follows that are watched for scans. */
const MAX_WATCHED = 4096;

/** A source that tried many control ports. */
export interface Scan {
  readonly source: string;
  /** Distinct host:port targets; counting stops at a limit. */
  readonly targets: number;
  readonly attempts: number;
  /** Other ports of these hosts that it tried besides, as far as they are remembered. */
  readonly otherPorts: number;
  readonly firstPacket: number;
  readonly lastPacket: number;
  readonly examples: readonly string[];
}

/** A target that got more lone SYNs than any service has clients that give up at once. */
export interface Flood {
  readonly target: string;
  readonly attempts: number;
  readonly firstPacket: number;
  readonly lastPacket: number;
}

/** Attempts of one kind, summed up. */
interface Attempts {
  attempts: number;
  firstPacket: number;
  lastPacket: number;
}

interface Source {
  held: SessionFacts[];
  /** Target → the latest attempt: when, and from which port; 0: not known. */
  targets: Map<string, { readonly time: number; readonly port: number }>;
  scan: (Attempts & { readonly targets: Set<string>; readonly otherPorts: number }) | null;
  lastTime: number;
}

/** Lone SYNs to one target since then (seconds). */
interface LoneSyns extends Attempts {
  since: number;
  isFlood: boolean;
}

/** Distinct targets of a scan that are told apart. */
const MAX_COUNTED_TARGETS = 10_000;

/**
 * Sets scans apart. A control connection on which no client said anything (unanswered, refused, or opened and left) is held back until it
 * is clear that its source did not try many others too; sessions with a dialogue go straight on.
 */
export class AttemptLedger {
  readonly #emit: (facts: SessionFacts) => void;
  readonly #syns: () => Pick<SynMemory, "ofHost">;
  readonly #sources = new Map<string, Source>();
  readonly #scans: Scan[] = [];
  /** By target. */
  readonly #lone = new Map<string, LoneSyns>();
  /** Sources of attempts that nobody follows, until they are known for scanners. */
  readonly #passing = new Map<string, Source>();
  /** Sources with attempts of the last minute, which may yet try other ports. */
  readonly #recent = new Set<Source>();
  #nextLook = 0;
  #nextSweep = 0;

  /**
   * @param emit gets each session that is no part of a scan or flood
   * @param syns the SYNs remembered of connections that nobody follows
   */
  constructor(emit: (facts: SessionFacts) => void, syns: () => Pick<SynMemory, "ofHost">) {
    this.#emit = emit;
    this.#syns = syns;
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
      source = newSource();
      this.#sources.set(address, source);
    }
    const { firstTime, firstPacket, lastPacket } = facts.control;
    const target = formatEndpoint(facts.server);
    const attempts = { attempts: 1, firstPacket, lastPacket };
    if (source.scan !== null && !isPartOf(source.scan, facts)) {
      this.#emit(facts);
      return;
    }
    if (isOfScan(source, target, { time: firstTime, port: facts.client.port }, attempts)) return;
    if (isLoneSyn(facts) && this.#isOfFlood(target, firstTime, attempts)) return;
    source.held.push(facts);
    this.#recent.add(source);
    if (source.held.length > MAX_HELD_ATTEMPTS) this.#emit(source.held.shift()!);
  }

  /** A SYN to a control port that nobody follows, there being too many. */
  notFollowed(client: string, server: Endpoint, packet: number, time: number): void {
    const target = formatEndpoint(server);
    const attempts = { attempts: 1, firstPacket: packet, lastPacket: packet };
    let source = this.#sources.get(client) ?? this.#passing.get(client);
    if (!source) {
      if (this.#passing.size >= MAX_WATCHED) this.#passing.clear();
      source = newSource();
      this.#passing.set(client, source);
    }
    if (!isOfScan(source, target, { time, port: 0 }, attempts)) this.#isOfFlood(target, time, attempts);
    else if (this.#passing.delete(client)) this.#sources.set(client, source);
  }

  /** Lets go what is too old to become part of a scan. */
  tick(seconds: number): void {
    if (this.#recent.size > 0 && seconds >= this.#nextLook) {
      this.#nextLook = seconds + LOOK_SECONDS;
      this.#lookForScans(seconds);
    }
    if (seconds < this.#nextSweep) return;
    this.#nextSweep = seconds + SCAN_SECONDS / 2;
    for (const [address, source] of this.#sources)
      if (seconds - source.lastTime > 4 * SCAN_SECONDS) this.#letGo(address);
    for (const [target, { since, isFlood }] of this.#lone)
      if (!isFlood && seconds - since > FLOOD_SECONDS) this.#lone.delete(target);
  }

  finish(): void {
    this.#lookForScans(Number.POSITIVE_INFINITY);
    const held = [...this.#sources.values()].flatMap((source) => source.held);
    for (const source of this.#sources.values()) source.held = [];
    for (const address of [...this.#sources.keys()]) this.#letGo(address);
    for (const facts of held.sort((a, b) => a.control.firstPacket - b.control.firstPacket)) this.#emit(facts);
  }

  /** The floods found. */
  get floods(): readonly Flood[] {
    return [...this.#lone].flatMap(([target, { isFlood, attempts, firstPacket, lastPacket }]) =>
      isFlood ? [{ target, attempts, firstPacket, lastPacket }] : [],
    );
  }

  /** The scans found, once finished. */
  get scans(): readonly Scan[] {
    return this.#scans;
  }

  /** Counts a lone SYN. @returns whether it is one of a flood */
  #isOfFlood(target: string, time: number, attempts: Attempts): boolean {
    let lone = this.#lone.get(target);
    if (lone === undefined || (!lone.isFlood && Math.abs(time - lone.since) > FLOOD_SECONDS)) {
      if (lone === undefined && this.#lone.size >= MAX_WATCHED) return false;
      lone = { ...attempts, since: time, isFlood: false };
      this.#lone.set(target, lone);
      return false;
    }
    addTo(lone, attempts);
    if (lone.isFlood) return true;
    if (lone.attempts <= FLOOD_ATTEMPTS) return false;
    lone.isFlood = true;
    for (const source of this.#sources.values())
      source.held = source.held.filter((facts) => !isLoneSyn(facts) || formatEndpoint(facts.server) !== target);
    return true;
  }

  /** Sets apart the sources that tried other ports of the same host as well, as the SYNs that nobody follows show. */
  #lookForScans(now: number): void {
    // Those that are to be asked again come after the others.
    const most = Math.min(this.#recent.size, now === Number.POSITIVE_INFINITY ? MAX_ASKED_LAST : MAX_ASKED);
    let asked = 0;
    for (const source of this.#recent) {
      if (asked++ === most) break;
      this.#recent.delete(source);
      const otherPorts = this.#otherPortsOf(source);
      if (otherPorts > 0) beginScan(source, otherPorts);
      else if (now - source.lastTime <= SCAN_SECONDS) this.#recent.add(source);
    }
  }

  /** @returns how many ports besides control ports a source tried of a host at which it tried those; 0 where they are too few for a scan */
  #otherPortsOf({ held }: Source): number {
    const silent = held.filter(({ server }) => server.bytes === 0);
    if (silent.length === 0) return 0;
    const tried = new Map<SessionFacts, { readonly all: Set<number>; readonly fromPort: Set<number> }>();
    this.#syns().ofHost(silent[0].control.addressKeyA, (responderKey, sourcePort, destinationPort, seconds) => {
      for (const facts of silent) {
        const { control, client } = facts;
        if (control.addressKeyB !== responderKey || Math.abs(control.firstTime - seconds) > SCAN_SECONDS) continue;
        const ports = tried.get(facts) ?? { all: new Set(), fromPort: new Set() };
        tried.set(facts, ports);
        ports.all.add(destinationPort);
        if (sourcePort === client.port) ports.fromPort.add(destinationPort);
      }
    });
    for (const { all, fromPort } of tried.values()) {
      const wellKnown = [...all].filter((port) => port < UNPRIVILEGED_PORT).length;
      if (1 + fromPort.size >= SCAN_TARGETS || wellKnown > SCAN_PORTS) return all.size;
    }
    return 0;
  }

  #letGo(address: string): void {
    const source = this.#sources.get(address)!;
    this.#sources.delete(address);
    this.#recent.delete(source);
    for (const facts of source.held) this.#emit(facts);
    if (source.scan) {
      const { attempts, targets, otherPorts, firstPacket, lastPacket } = source.scan;
      this.#scans.push({
        source: address,
        targets: targets.size,
        attempts,
        otherPorts,
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

/** A single SYN whose sender was not turned down, and was not seen again either. */
function isLoneSyn({ control, client, server }: SessionFacts): boolean {
  return client.synCount === 1 && client.packets === 1 && server.resetCount === 0 && control.icmpErrors.length === 0;
}

function newSource(): Source {
  return { held: [], targets: new Map(), scan: null, lastTime: 0 };
}

/** Counts an attempt with its source. @returns whether the source is a scanner */
function isOfScan(source: Source, target: string, from: { time: number; port: number }, attempts: Attempts): boolean {
  const { time, port } = from;
  source.lastTime = Math.max(source.lastTime, time);
  if (source.scan === null) {
    source.targets.set(target, from);
    let fromPort = 0;
    for (const [other, at] of source.targets) {
      if (Math.abs(time - at.time) > SCAN_SECONDS) source.targets.delete(other);
      else if (at.port === port && port !== 0) fromPort++;
    }
    if (source.targets.size <= SCAN_TARGETS && fromPort < SCAN_TARGETS) return false;
    beginScan(source, 0);
  }
  const scan = source.scan!;
  addTo(scan, attempts);
  if (scan.targets.size < MAX_COUNTED_TARGETS) scan.targets.add(target);
  return true;
}

/** What a source tried until now, and will try, is a scan. */
function beginScan(source: Source, otherPorts: number): void {
  const scan = {
    attempts: 0,
    otherPorts,
    firstPacket: Number.POSITIVE_INFINITY,
    lastPacket: 0,
    targets: new Set<string>(),
  };
  for (const facts of source.held) {
    if (!isPartOf(scan, facts)) continue;
    const { firstPacket, lastPacket } = facts.control;
    addTo(scan, { attempts: 1, firstPacket, lastPacket });
    scan.targets.add(formatEndpoint(facts.server));
  }
  source.held = source.held.filter((facts) => !isPartOf(scan, facts));
  source.scan = scan;
}

/** Whether an attempt of the scanner is no more than that. Of a scan of ports, a control connection on which the server said something is not. */
function isPartOf({ otherPorts }: Pick<Scan, "otherPorts">, { server }: SessionFacts): boolean {
  return otherPorts === 0 || server.bytes === 0;
}

function addTo(sum: Attempts, { attempts, firstPacket, lastPacket }: Attempts): void {
  sum.attempts += attempts;
  sum.firstPacket = Math.min(sum.firstPacket, firstPacket);
  sum.lastPacket = Math.max(sum.lastPacket, lastPacket);
}
