import { formatEndpoint, pairKey } from "../address.ts";
import type { AnalysisSummary, DataChannel, Evidence, Session } from "../analysis.ts";
import { type PacketReference, packetReference } from "../capture/frame.ts";
import { CAUSE_TEXT } from "../diagnose/causes.ts";
import { describeNegotiation, describeTransfer } from "../report/phrases.ts";
import { safeText } from "../report/safe-text.ts";
import { insertInOrder, latestIndex, type Since } from "./in-time-order.ts";

/** Which sessions are wanted: one by its id (or the beginning of it), or all with a channel or control connection that failed. */
export type Wanted = { readonly sessionId: string } | "failed";

/** Seconds after the end of a control connection in which packets between its hosts still belong to the session. */
const TAIL_SECONDS = 130;

/** The time stamps of packets are doubles here. */
const TIME_TOLERANCE = 0.001;

/** Sessions whose verdicts are written into the section comment. */
const MAX_VERDICTS = 50;

/** Who used a pair of endpoints from a moment on. */
interface Use extends Since {
  readonly wanted: boolean;
}

/** Two hosts between which a wanted session took place, and when. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * What an extract is to hold, told by the analysis session by session: the connections and the hosts of the wanted sessions, and what
 * is to be said of single packets. It grows with the number of connections, since a packet between the same hosts may belong to another session.
 */
export class EvidencePlan {
  readonly #wanted: Wanted;
  readonly #connections = new Map<string, Use[]>();
  readonly #hostPairs = new Map<string, Span[]>();
  /** Addresses of the wanted sessions. */
  readonly hosts = new Set<string>();
  /** Control connections of the wanted sessions, as {@link connectionKey}. */
  readonly controlConnections = new Set<string>();
  readonly #comments = new Map<PacketReference, string[]>();
  readonly #verdicts: string[] = [];
  /** Wanted sessions so far. */
  sessions = 0;
  /** A wanted session has no data connection: that others were captured at all shows only elsewhere. */
  #lacksConnection = false;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  add(session: Session): void {
    const wanted = this.#isWanted(session);
    const { control, dataChannels } = session;
    const since = secondsOf(control.start);
    const connections = dataChannels.flatMap(({ connection }) => connection ?? []);
    const key = connectionKey(control.client.address, control.client.port, control.server.address, control.server.port);
    this.#use(key, { since, wanted });
    for (const { originator, responder } of connections)
      this.#use(connectionKey(originator.address, originator.port, responder.address, responder.port), {
        since,
        wanted,
      });
    if (!wanted) return;
    this.sessions++;
    this.controlConnections.add(key);
    const span = { from: since - 1, to: secondsOf(control.end) + TAIL_SECONDS };
    const pair = (a: string, b: string) => this.#watch(a, b, span);
    pair(control.client.address, control.server.address);
    for (const { originator, responder } of connections) pair(originator.address, responder.address);
    for (const { negotiation } of dataChannels) {
      const address = negotiation?.advertised?.address;
      if (address) pair(negotiation?.mode === "passive" ? control.client.address : control.server.address, address);
    }
    if (connections.length === 0) this.#lacksConnection = true;
    for (const { evidence } of [control, ...dataChannels]) this.#comment(evidence);
    if (this.#verdicts.length < MAX_VERDICTS) this.#verdicts.push(verdictText(session));
  }

  #isWanted({ id, control, dataChannels }: Session): boolean {
    if (this.#wanted === "failed") return [control, ...dataChannels].some(({ outcome }) => outcome === "failed");
    return id.startsWith(this.#wanted.sessionId);
  }

  #use(key: string, use: Use): void {
    const uses = this.#connections.get(key);
    if (uses) insertInOrder(uses, use);
    else this.#connections.set(key, [use]);
  }

  #watch(a: string, b: string, span: Span): void {
    this.hosts.add(a).add(b);
    const key = pairKey(a, b);
    const spans = this.#hostPairs.get(key);
    const last = spans?.at(-1);
    if (!spans || !last) this.#hostPairs.set(key, [span]);
    // Sessions come nearly in time order: a client that comes again and again makes one long span.
    else if (span.from <= last.to && span.to >= last.from)
      spans[spans.length - 1] = { from: Math.min(last.from, span.from), to: Math.max(last.to, span.to) };
    else spans.push(span);
  }

  #comment(evidence: readonly Evidence[]): void {
    for (const { capture, packet, says } of evidence) {
      const reference = packetReference(capture, packet);
      const known = this.#comments.get(reference);
      const text = safeText(says);
      if (!known) this.#comments.set(reference, [text]);
      else if (!known.includes(text)) known.push(text);
    }
  }

  /** Whether a segment between these endpoints at this time (seconds) belongs to a wanted session. */
  includes(a: string, portA: number, b: string, portB: number, time: number): boolean {
    const uses = this.#connections.get(connectionKey(a, portA, b, portB));
    if (uses) {
      return uses[latestIndex(uses, time + TIME_TOLERANCE)]?.wanted === true;
    }
    return this.#hostPairs.get(pairKey(a, b))?.some(({ from, to }) => time >= from && time <= to) === true;
  }

  /** What is to be said of a packet, one fact a line; undefined where there is nothing. */
  commentOn(packet: PacketReference): string | undefined {
    return this.#comments.get(packet)?.join("\n");
  }

  /**
   * Whether one packet that belongs to none of the sessions has to show that the capture was not filtered to control connections:
   * without it an analysis of the extract would not dare to say that a connection was never tried.
   */
  needsWitness({ captures }: AnalysisSummary): boolean {
    return this.#lacksConnection && captures.every(({ limits }) => !limits.includes("capture-filtered"));
  }

  /** The verdicts, for the comment on the whole file. */
  get verdicts(): string {
    if (this.sessions === 0) return "No session failed.";
    const more = this.sessions - this.#verdicts.length;
    return [...this.#verdicts, ...(more > 0 ? [`… and ${more} more sessions`] : [])].join("\n");
  }
}

/** The same for both directions of a connection. */
export function connectionKey(a: string, portA: number, b: string, portB: number): string {
  return a < b || (a === b && portA < portB) ? `${a} ${portA} ${b} ${portB}` : `${b} ${portB} ${a} ${portA}`;
}

/** Seconds since the epoch of a report's time stamp. */
function secondsOf(time: string): number {
  const [whole = "", fraction = "0"] = time.replace(/Z$/, "").split(".");
  return Date.parse(`${whole}Z`) / 1000 + Number(`0.${fraction}`);
}

function verdictText({ id, control, dataChannels }: Session): string {
  const ends = `${formatEndpoint(control.client)} to ${formatEndpoint(control.server)}`;
  const lines = [`Session ${id}: ${ends}, ${control.start}`];
  if (control.outcome !== "ok")
    lines.push(`  control connection ${control.outcome}${because(control.cause, control.confidence)}`);
  for (const channel of dataChannels) lines.push(`  ${channelText(channel)}`);
  return lines.map(safeText).join("\n");
}

function channelText(channel: DataChannel): string {
  const what = [describeNegotiation(channel), describeTransfer(channel)].filter((part) => part !== "").join(", ");
  return `channel ${channel.ordinal}, ${what}: ${channel.outcome}${because(channel.cause, channel.confidence)}`;
}

function because(cause: DataChannel["cause"], confidence: string | null): string {
  return cause === null ? "" : `: ${CAUSE_TEXT[cause].title} [${cause}], ${confidence}`;
}
