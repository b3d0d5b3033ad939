import { formatEndpoint, isPrivateUse } from "../../address.ts";
import type { ChannelFacts, NegotiationFacts } from "../../correlate/data-channel.ts";
import type { HandedOn, SessionFacts } from "../../correlate/session-facts.ts";
import type { ReplyEvent } from "../../ftp/control-event.ts";
import { cameAbout } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import { attemptElsewhere, elsewhereFact } from "../elsewhere.ts";
import { type Situation, THIRD_HOST, THIRD_HOST_OWN } from "../remedy.ts";
import { dialErrorOf, mayMean, reportsAttempt, tellsOfTls } from "../reply-text.ts";
import { handedOn, saysOfHandOn, thirdHostOf } from "../third-host.ts";
import { mayBeDialling } from "../vain-wait.ts";
import { shareNetwork, vantageOf } from "../vantage.ts";
import type { Alternative, Fact } from "../verdict.ts";
import { replyText, secondsText } from "../wording.ts";

export const cause = {
  id: "syn-not-seen",
  group: "Connecting",
  traits: [],
  title: "no SYN of the data connection is in this capture",
  meaning:
    "The data connection was negotiated and wanted, but this capture holds no SYN of it: it was never sent, was sent elsewhere, or was blocked before this point.",
  remedy: [
    "Capture at the end that should send the SYN, on all its interfaces and without a port filter, and analyse again.",
  ],
  situations: {
    "seen-elsewhere": {
      remedy: [
        "The SYN is seen at one point and not at the other: look at what stands between the two, its rules and its address translation.",
      ],
    },
    "only-elsewhere": {
      remedy: [
        "The SYN is seen at the other point: go by what is said of the session there. To know whether it arrives here, capture here again without a port filter.",
      ],
    },
    "third-host": {
      remedy: [
        "Capture at the server, which should send the SYN, or at the third host that PORT names, and analyse again.",
        THIRD_HOST,
        THIRD_HOST_OWN,
      ],
    },
    "handed-on": {
      remedy: [
        "Capture at the other server, which should send the SYN, or at this one, and analyse again.",
        "This server has to let the other one in: look at its passive range, its firewall and its NAT device, and whether it takes data connections of other hosts than its client.",
      ],
    },
    "unreadable-grant": {
      remedy: [
        "The reply names no port that a client could read: look at the server, and at any device between that rewrites replies.",
        "Try the other form: EPSV for PASV, or PASV for EPSV.",
      ],
    },
    "at-dialler": {
      remedy: [
        "The capture is from the end that should have sent the SYN: look in its log why it did not dial, at its own firewall, and at its other interfaces.",
      ],
    },
  },
} as const satisfies Cause;

/**
 * Negotiated and wanted, and no SYN to any target that fits is in this capture: the client never tried, the SYN was stopped before
 * this point, it went another way, or the capture does not hold it. What the capture rules out of these is said.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session, capture } = context;
  const { negotiation, transfer } = channel;
  if (!negotiation || channel.connection !== null) return undefined;
  // Whoever was told to dial says why it did not, or that it did (FXP).
  if (saysOfHandOn(handedOn(channel, session))) return undefined;
  const tried = negotiation.mode === "active" && negotiation.reply !== null && reportsAttempt(negotiation.reply);
  const dialling = mayBeDialling(session, negotiation);
  if (!negotiation.granted && !tried && !dialling) return undefined;
  // The snaplen cut the port: the server's SYN may be here, and nobody can tell that it was due. (Of a passive grant the client's SYN is found by its place.)
  if (negotiation.mode === "active" && negotiation.command?.cut && capture.sawOtherTcp) return undefined;
  const final = transfer?.final ?? (tried ? negotiation.reply : null);
  // The server speaks of what happened on a data connection, so there was one: its text says more than that the capture lacks it.
  if (mayMean(final, "session-reuse-required") || tellsOfTls(session, final)) return undefined;
  const elsewhere = attemptElsewhere(context);
  // It came about where the other capture was taken: this one only does not hold it.
  if (elsewhere && cameAbout(elsewhere)) return undefined;
  const missing = { context, negotiation, final, dialling, ...diallerOf(channel, session, negotiation) };
  const facts = [...negotiationFacts(missing), endFact(missing)];
  const unfiltered: Fact = {
    packet: session.control.firstPacket,
    says: capture.sawOtherTcp
      ? "other connections are in the capture, so it is not filtered to the control port"
      : "the capture holds no connection but control connections: it may be filtered to them",
  };
  if (elsewhere)
    return {
      outcome: "failed",
      cause: "syn-not-seen",
      confidence: capture.sawOtherTcp ? "likely" : "possible",
      facts: [...facts, elsewhereFact(elsewhere), unfiltered],
      situation: capture.sawOtherTcp ? "seen-elsewhere" : "only-elsewhere",
    };
  return {
    outcome: "failed",
    cause: "syn-not-seen",
    situation: situationOf(missing),
    confidence: final && capture.sawOtherTcp ? "likely" : "possible",
    facts: [...facts, placeFact(missing), unfiltered],
    alternatives: alternativesTo(missing),
  };
};

/** A SYN that is not in the capture. */
interface MissingSyn {
  readonly context: ChannelContext;
  readonly negotiation: NegotiationFacts;
  /** What the server says of it at last. */
  readonly final: ReplyEvent | null;
  /** The negotiation is not answered: the server may dial first. */
  readonly dialling: boolean;
  /** The client handed the port on to another server (FXP). */
  readonly handed: HandedOn | undefined;
  /** Who had to send it. */
  readonly dialler: string;
}

function diallerOf(channel: ChannelFacts, session: SessionFacts, { mode }: NegotiationFacts) {
  const handed = handedOn(channel, session);
  return { handed, dialler: handed ? `server ${handed.to}` : mode === "passive" ? "client" : "server" };
}

/** Captured at the very end that had to dial. */
function isAtDialler({ context, dialler }: MissingSyn): boolean {
  return vantageOf(context.session).side === dialler;
}

/** By its own words the server sent a SYN and got a RST. (That there is no route its own host may have said.) */
function wasAnswered({ negotiation, final }: MissingSyn): boolean {
  return negotiation.mode === "active" && final !== null && dialErrorOf(final) === "refused";
}

/** The grant is here whole, and no port can be read in it. */
function isUnreadable({ mode, granted, advertised, reply }: NegotiationFacts): boolean {
  return mode === "passive" && granted && advertised === null && reply?.cut === false;
}

/** What was negotiated, and with whom. */
function negotiationFacts({ context, negotiation, dialling, handed, dialler }: MissingSyn): Fact[] {
  const { verb, mode, reply, command, granted } = negotiation;
  const malformed = negotiation.malformed ?? (isUnreadable(negotiation) ? "no address and port stand in it" : null);
  const answer = `${granted ? "granted" : "answered"} (${reply?.code ?? "?"})`;
  const facts: Fact[] = [
    {
      packet: (reply ?? command)!.stamp.packet,
      says: `${verb} is ${dialling ? "acknowledged and never answered: some servers dial first" : answer}, and no SYN of the ${dialler} to ${targets(context)} follows`,
    },
  ];
  if (handed)
    facts.push({
      packet: handed.command.stamp.packet,
      says: `the client hands the port on: it tells ${handed.to} to dial it (FXP)`,
    });
  if (malformed !== null)
    facts.push({
      packet: (mode === "passive" ? reply : command)!.stamp.packet,
      says: `its form is wrong, so the ${dialler} may not have known where to dial: ${malformed}`,
    });
  return facts;
}

/** How the transfer, or the wish for one, came to its end. */
function endFact({ context: { channel, session }, final }: MissingSyn): Fact {
  const { transfer } = channel;
  if (final) return { packet: final.stamp.packet, says: replyText(final) };
  if (transfer) return { packet: transfer.command.stamp.packet, says: `${transfer.command.verb} gets no final reply` };
  const { finPacket, finTime } = session.client;
  if (finPacket === 0) return { packet: session.control.lastPacket, says: "no transfer command follows" };
  const after = finTime - channel.from;
  const when = Math.round(after * 1000) > 0 ? `${secondsText(after)} later` : "at once,";
  return { packet: finPacket, says: `the client leaves ${when} without a transfer command` };
}

/** Where the capture was taken, and what that rules out. */
function placeFact(missing: MissingSyn): Fact {
  const { context, negotiation, dialler } = missing;
  const { channel, session } = context;
  const { side, reason } = vantageOf(session);
  const places = { unknown: "the side is unknown", middle: "captured between the two" };
  const place = side === "unknown" || side === "middle" ? places[side] : `captured at the ${side}`;
  const leftToAnother = negotiation.mode === "passive" && channel.transfer;
  const says = isAtDialler(missing)
    ? `the network did not stop it; the ${dialler} sent no SYN, or sent it by another interface or to itself${leftToAnother ? ", or left it to another server to dial (FXP)" : ""}`
    : wasAnswered(missing)
      ? "by its own words the server sent one, and it was turned away where this capture does not see it"
      : `the ${dialler} sent none, or it was stopped before this point, or went another way`;
  return { packet: session.control.firstPacket, says: `${place} (${reason}): ${says}` };
}

function situationOf(missing: MissingSyn): Situation | null {
  const { channel, session } = missing.context;
  if (missing.handed) return "handed-on";
  if (isUnreadable(missing.negotiation)) return "unreadable-grant";
  if (isAtDialler(missing)) return "at-dialler";
  return thirdHostOf(channel, session) === undefined ? null : "third-host";
}

function alternativesTo(missing: MissingSyn): Alternative[] {
  const { context, negotiation, dialling, dialler } = missing;
  const active = wasAnswered(missing) ? "active-inbound-rejected" : "active-inbound-blocked";
  const alternatives: Alternative[] = [
    {
      cause: negotiation.mode === "passive" ? "data-port-filtered" : active,
      missing: isAtDialler(missing)
        ? `the ${dialler}'s own firewall log: what is dropped there never reaches its capture`
        : `a capture at the ${dialler}`,
    },
  ];
  if (dialling)
    alternatives.push({
      cause: "negotiation-blocked",
      missing: "the same: whether the command arrives there as the client sent it",
    });
  if (namesPrivateServer(context))
    alternatives.push({
      cause: "pasv-private-address",
      missing: "whether the client's network has a route to that address",
    });
  return alternatives;
}

/** The server's own private address, given to a client in another private network: reachable if somebody routes between them. */
function namesPrivateServer({ channel: { negotiation }, session: { client, server } }: ChannelContext): boolean {
  if (negotiation?.mode !== "passive" || negotiation.advertised?.address !== server.address) return false;
  return isPrivateUse(server.address) && isPrivateUse(client.address) && !shareNetwork(server.address, client.address);
}

/** Where the SYN was due, in words. */
function targets({ channel, session }: ChannelContext): string {
  const { advertised, mode } = channel.negotiation!;
  if (!advertised) return "any negotiated port";
  const peer = mode === "passive" ? session.server.address : session.client.address;
  const target = formatEndpoint({ address: advertised.address ?? peer, port: advertised.port });
  if (advertised.address === null || advertised.address === peer) return target;
  return `${target}, nor to ${formatEndpoint({ address: peer, port: advertised.port })},`;
}

/**
 * By record lengths alone: the second proof, where the negotiation cannot be read. A guess with its numbers, never more than `possible`; when
 * it may speak is decided in `correlate/inferred-negotiation.ts`.
 */
export const inferredRule: ChannelRule = ({ channel, session }) => {
  if (channel.inferred === null) return undefined;
  const { mode, commandPacket, replyPacket, commandBytes, replyBytes, waitedSeconds } = channel.inferred;
  const passive = mode === "passive";
  return {
    outcome: "failed",
    cause: "syn-not-seen",
    confidence: "possible",
    contributing: ["control-encrypted"],
    facts: [
      {
        packet: commandPacket,
        says: `an encrypted command of ${commandBytes} bytes, as long as ${passive ? "PASV or EPSV" : "PORT with the client's own address"}`,
      },
      {
        packet: replyPacket,
        says: `an encrypted reply of ${replyBytes} bytes, as long as ${passive ? "a 227 or 229" : "its 200"}; then ${passive ? "" : "a command without an answer, "}${secondsText(waitedSeconds)} of silence, and no SYN (${vantageOf(session).reason})`,
      },
    ],
    alternatives: passive
      ? [
          { cause: "data-port-filtered", missing: "a capture at the client, to see where its SYN went" },
          { cause: "pasv-private-address", missing: "the reply itself: the server's log, or the client's" },
        ]
      : [
          { cause: "active-inbound-blocked", missing: "a capture at the server, to see where its SYN went" },
          { cause: "port-private-address", missing: "the command itself: the client's log, or the server's" },
        ],
  };
};
