/**
 * What a blinded analyzer may say. A capture is analysed whole and then with packets missing; every channel of the blinded report is laid
 * beside the channel of the whole one that it is, and no worse may be said of it. A failure keeps its cause, or falls back to a weaker
 * answer along {@link FALLBACKS}, or becomes `undetermined`.
 */
import type { Analysis, DataChannel, Session } from "../../src/analysis.ts";
import { analyzeCapture } from "../../src/analyze.ts";
import type { CauseId } from "../../src/diagnose/causes.ts";
import {
  controlOnly,
  flowBetween,
  pcapOf,
  type RawPacket,
  rawPackets,
  seededRandom,
  withoutDataConnections,
  withoutEnd,
  withoutHost,
  withoutPacket,
  withoutShare,
  withSnaplen,
} from "./capture-mutation.ts";

/** Weaker answers that a rule may give when its evidence is missing. */
const FALLBACKS: Readonly<Partial<Record<CauseId, readonly CauseId[]>>> = {
  "mtu-blackhole": ["data-stalled"],
  "data-port-rejected": ["syn-not-seen"],
  "data-port-filtered": ["syn-not-seen"],
  "icmp-prohibited": ["syn-not-seen"],
  "pasv-private-address": ["syn-not-seen"],
  "pasv-unusable-address": ["syn-not-seen"],
  "pasv-wrong-address": ["syn-not-seen"],
  "active-inbound-blocked": ["syn-not-seen"],
  "active-inbound-rejected": ["syn-not-seen"],
  "tls-session-reuse-required": ["data-tls-handshake-failed"],
  "data-protection-required": ["data-tls-handshake-failed"],
  "control-idle-timeout": ["control-connection-lost"],
  "auth-tls-blocked": ["control-connection-lost"],
  // That a port was translated is told from the 227 and the SYN together: without either the other alone is reported.
  "data-port-translated": ["syn-not-seen", "data-port-rejected", "data-port-filtered"],
};

function mayBecome(before: CauseId | null, after: CauseId | null): boolean {
  if (before === after) return true;
  return before !== null && after !== null && FALLBACKS[before]?.includes(after) === true;
}

/** How packets go missing. */
export const BLINDINGS = [
  "one-packet",
  "prefix",
  "suffix",
  "tenth",
  "one-direction",
  "snaplen",
  "control-only",
  "no-data-connections",
] as const;
export type Blinding = (typeof BLINDINGS)[number];

/** A capture with packets missing. */
export interface BlindedCapture {
  readonly blinding: Blinding;
  /** Which packets, in words that find them again. */
  readonly detail: string;
  readonly packets: readonly RawPacket[];
}

/** What the blinded reports of one kind said of the channels that were healthy. */
export interface BlindingTally {
  variants: number;
  /** Healthy channels that are still reported, over all variants. */
  healthy: number;
  undetermined: number;
  /** Failures that are still reported, those among them that are now said to be healthy, and those that kept their cause. */
  failures: number;
  excused: number;
  kept: number;
}

/** Something that is said of a blinded capture and must not be. */
export interface Violation {
  readonly capture: string;
  readonly blinding: Blinding;
  readonly detail: string;
  readonly says: string;
}

/** The result of a survey over captures. */
export class BlindnessSurvey {
  readonly violations: Violation[] = [];
  /** Failures of which a blinded report says that all went well: no accusation, but worth a look. */
  readonly excuses: Violation[] = [];
  readonly tallies = Object.fromEntries(
    BLINDINGS.map((blinding) => [
      blinding,
      { variants: 0, healthy: 0, undetermined: 0, failures: 0, excused: 0, kept: 0 },
    ]),
  ) as Record<Blinding, BlindingTally>;

  /** Variants analysed. */
  get variants(): number {
    return Object.values(this.tallies).reduce((sum, { variants }) => sum + variants, 0);
  }

  /**
   * Blinds one capture in every way.
   * @param density of each kind of which there could be thousands, at most so many variants
   */
  addCapture(name: string, bytes: Uint8Array, density: number, seed = 1): void {
    const packets = rawPackets(bytes);
    if (packets.length === 0) return;
    const whole = analyzeCapture(pcapOf(packets));
    if (whole.sessions.length === 0) return;
    for (const blinded of blindings(packets, whole, density, seed)) this.#compare(name, whole, blinded);
  }

  #compare(capture: string, whole: Analysis, { blinding, detail, packets }: BlindedCapture): void {
    const tally = this.tallies[blinding];
    tally.variants++;
    const report = analyzeCapture(pcapOf(packets));
    const numberOf = (packet: number | null) => (packet === null ? null : packets[packet - 1].number);
    const note = (says: string) => this.violations.push({ capture, blinding, detail, says });
    for (const session of report.sessions) {
      const flow = flowBetween(session.control.client, session.control.server);
      const originals = whole.sessions.filter(({ control }) => flowBetween(control.client, control.server) === flow);
      if (session.control.cause !== null && !originals.some((original) => carries(original, session.control.cause)))
        note(`control ${session.control.cause}; before: ${originals.map(causesOf).join(" / ") || "no session"}`);
      for (const channel of session.dataChannels) {
        const before = counterpart(originals, channel, numberOf);
        const accused = isAccused(channel);
        if (before === undefined) {
          if (accused) note(`${said(channel)} of a channel that the whole capture does not have`);
          continue;
        }
        if (!isAccused(before)) {
          if (before.outcome !== "undetermined") {
            tally.healthy++;
            if (channel.outcome === "undetermined") tally.undetermined++;
          }
          if (accused) note(`${said(channel)}; before: ${said(before)}`);
          continue;
        }
        tally.failures++;
        if (channel.cause === before.cause && accused) tally.kept++;
        if (accused && !mayBecome(before.cause, channel.cause)) note(`${said(channel)}; before: ${said(before)}`);
        if (!accused && channel.outcome !== "undetermined") {
          tally.excused++;
          this.excuses.push({ capture, blinding, detail, says: `${said(channel)}; before: ${said(before)}` });
        }
      }
    }
  }
}

function isAccused({ outcome }: DataChannel): boolean {
  return outcome === "failed" || outcome === "refused";
}

function said({ ordinal, negotiation, transfer, outcome, cause }: DataChannel): string {
  return `channel ${ordinal} (${negotiation?.verb ?? "hidden"} ${transfer?.verb ?? "-"}) ${outcome}/${cause}`;
}

function causesOf({ control, dataChannels }: Session): string {
  return (
    [control.cause, ...dataChannels.map(({ cause }) => cause)].filter((cause) => cause !== null).join(", ") || "none"
  );
}

/** Whether the session has this cause, or one that may fall back to it, in any place. */
function carries({ control, dataChannels }: Session, cause: CauseId | null): boolean {
  return [control.cause, ...dataChannels.map((channel) => channel.cause)].some(
    (before) => before !== null && mayBecome(before, cause),
  );
}

/** The channel of the whole report that this one is: by its packets first, then by what it negotiated and by its connection. */
function counterpart(
  originals: readonly Session[],
  channel: DataChannel,
  numberOf: (packet: number | null) => number | null,
): DataChannel | undefined {
  if (channel.inferred) return inferredCounterpart(originals, numberOf(channel.evidence[0]?.packet ?? null) ?? 0);
  let best: DataChannel | undefined;
  let bestScore = 0;
  const same = (a: number | null | undefined, b: number | null | undefined) => a != null && b != null && a === b;
  for (const original of originals.flatMap(({ dataChannels }) => dataChannels)) {
    const mine = channel.negotiation;
    const theirs = original.negotiation;
    let score = 0;
    if (same(numberOf(mine?.commandPacket ?? null), theirs?.commandPacket)) score += 16;
    if (same(numberOf(mine?.replyPacket ?? null), theirs?.replyPacket)) score += 16;
    if (same(numberOf(channel.transfer?.commandPacket ?? null), original.transfer?.commandPacket)) score += 8;
    if (channel.connection && original.connection) {
      const fits =
        flowBetween(channel.connection.originator, channel.connection.responder) ===
        flowBetween(original.connection.originator, original.connection.responder);
      if (fits) score += 4;
    }
    if (mine?.advertised && theirs?.advertised && mine.advertised.port === theirs.advertised.port) score += 2;
    // The first copy of a command may be what is missing: then the one after it stands for it.
    const late = numberOf(mine?.commandPacket ?? null);
    if (score === 0 && mine && late !== null && mine.verb === theirs?.verb && late > (theirs.commandPacket ?? late))
      score = 1 + (theirs.commandPacket ?? 0) / 2 ** 32;
    if (score > bestScore) {
      best = original;
      bestScore = score;
    }
  }
  return best;
}

/** Of the channels whose negotiation nobody could read, the one that was negotiated last before this packet or first behind it. */
function inferredCounterpart(originals: readonly Session[], packet: number): DataChannel | undefined {
  const hidden = originals
    .flatMap(({ dataChannels }) => dataChannels)
    .filter(({ negotiation }) => negotiation === null);
  const placeOf = ({ inferred, connection, evidence }: DataChannel) =>
    (inferred ? evidence[0]?.packet : connection?.firstPacket) ?? 0;
  return hidden.find((channel) => placeOf(channel) >= packet) ?? hidden.at(-1);
}

/** The capture with packets missing, in every way of {@link BLINDINGS}. */
export function* blindings(
  packets: readonly RawPacket[],
  whole: Analysis,
  density: number,
  seed: number,
): Generator<BlindedCapture> {
  const random = seededRandom(seed);
  for (const index of spread(packets.length, density, random))
    yield {
      blinding: "one-packet",
      detail: `without packet ${index + 1}`,
      packets: withoutPacket(packets, index),
    };
  for (const length of spread(packets.length - 1, density, random).map((at) => at + 1)) {
    yield { blinding: "prefix", detail: `the first ${length}`, packets: packets.slice(0, length) };
    yield { blinding: "suffix", detail: `from ${length + 1} on`, packets: packets.slice(length) };
  }
  for (let i = 0; i < Math.max(2, density / 4); i++) {
    const lossSeed = seed * 1000 + i;
    yield {
      blinding: "tenth",
      detail: `without a tenth, seed ${lossSeed}`,
      packets: withoutShare(packets, 0.1, seededRandom(lossSeed)),
    };
  }
  const ends = whole.sessions.flatMap(({ control, dataChannels }) => [
    { flow: flowBetween(control.client, control.server), ends: [control.client, control.server] },
    ...dataChannels.flatMap(({ connection }) =>
      connection
        ? [
            {
              flow: flowBetween(connection.originator, connection.responder),
              ends: [connection.originator, connection.responder],
            },
          ]
        : [],
    ),
  ]);
  const one = spread(ends.length, Math.max(4, density / 4), random).map((at) => ends[at]);
  for (const { flow, ends: pair } of one) {
    for (const { address, port } of pair) {
      const sender = `${address}:${port}`;
      yield {
        blinding: "one-direction",
        detail: `without ${sender} on ${flow}`,
        packets: withoutEnd(packets, sender, flow),
      };
    }
  }
  for (const address of [...new Set(ends.flatMap(({ ends: pair }) => pair.map((end) => end.address)))].slice(0, 8))
    yield { blinding: "one-direction", detail: `without ${address}`, packets: withoutHost(packets, address) };
  for (const snaplen of [96, 68])
    yield { blinding: "snaplen", detail: `${snaplen} bytes`, packets: withSnaplen(packets, snaplen) };
  yield { blinding: "control-only", detail: "", packets: controlOnly(packets, whole.sessions) };
  yield { blinding: "no-data-connections", detail: "", packets: withoutDataConnections(packets, whole.sessions) };
}

/** So many different indices below `length`, in order; all of them when there are no more. */
function spread(length: number, count: number, random: () => number): number[] {
  if (length <= count) return Array.from({ length }, (_, at) => at);
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(random() * length));
  return [...chosen].sort((a, b) => a - b);
}
