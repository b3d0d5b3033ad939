import { classifyAddress, formatEndpoint, isPrivateUse } from "../../address.ts";
import { FTP_PORT } from "../../ports.ts";
import type { Connection } from "../../tcp/connection.ts";
import { isOvercome } from "../advertised-address.ts";
import { attemptFacts, attemptOf, attemptState } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import type { ContributingCauseId } from "../contributing.ts";
import { attemptElsewhere, elsewhereFact } from "../elsewhere.ts";
import { USE_EPSV } from "../remedy.ts";
import { shareNetwork } from "../vantage.ts";
import type { Alternative, Fact, Verdict } from "../verdict.ts";

export const cause = {
  id: "pasv-private-address",
  group: "Negotiation",
  traits: [],
  title: "the server advertises a private address",
  meaning:
    "The reply to PASV names an address that is valid only in the server's own network, so the client's SYN goes nowhere or is never sent.",
  remedy: ["Configure the server's external address for passive mode.", USE_EPSV],
  setting: "passive-address",
} as const satisfies Cause;

/**
 * 227 (or 229 with an address) names an address that the client cannot route to. Client side and middle: it is not the control
 * server's address as seen here. Server side: it is the server's own private address while the client comes from the public Internet.
 */
export const rule: ChannelRule = (context) => {
  const { channel } = context;
  if (channel.connection?.connection.established) return undefined;
  return channel.negotiation === null ? hiddenVerdict(context) : readVerdict(context);
};

/** The negotiation can be read. */
function readVerdict(context: ChannelContext): Verdict | undefined {
  const { channel, session } = context;
  const { negotiation, connection } = channel;
  if (negotiation?.mode !== "passive" || !negotiation.granted || connection?.match === "port-differs") return undefined;
  const attempt = attemptOf(context, "passive");
  // The snaplen cut the 227 short: what the client dials right after it stands for what it read.
  const read = negotiation.advertised !== null;
  const address = negotiation.advertised?.address ?? (read ? null : attempt?.responder.address);
  if (!address || !isPrivateUse(address)) return undefined;
  const port = negotiation.advertised?.port ?? attempt!.responder.port;
  const client = session.client.address;
  const server = session.server.address;
  const own = address === server;
  // The server's own address as seen here is right in its own network, in a VPN, and between private networks that are routed: only a
  // client on the Internet is certain not to reach it, and only where no SYN came all the same.
  if (own && (isPrivateUse(client) || attempt !== undefined)) return undefined;
  // Another address in the server's own private network: the client that reaches the one can route to the other (`pasv-wrong-address`).
  if (!own && shareNetwork(address, server)) return undefined;
  // Dialled elsewhere (the control server's address, as many clients do): what became of that decides, not the text.
  if ((attempt && attempt.responder.address !== address) || isOvercome(context)) return undefined;
  const kind = classifyAddress(address);
  const target = formatEndpoint({ address, port });
  const { code, stamp } = negotiation.reply!;
  // Readable, and it crossed the NAT as it was; seen at the server it has yet to cross, and only an odd port tells that nobody will read it.
  const contributing: readonly ContributingCauseId[] =
    !own || (session.security === "cleartext" && session.server.port !== FTP_PORT) ? ["helper-absent"] : [];
  const fact = {
    packet: stamp.packet,
    says: own
      ? `${code} advertises ${target}, the server's own ${kind} address, to the client ${client} outside`
      : `${code} ${read ? "advertises" : "is cut short; the client dials"} ${target}, a ${kind} address; the control connection's server is ${server}`,
  };
  const named: PrivateAddress = { address, own, read, fact, contributing };
  return attempt ? dialledVerdict(context, named, attempt) : undialledVerdict(context, named);
}

/** A private address that was granted. */
interface PrivateAddress {
  readonly address: string;
  /** It is the server's own. */
  readonly own: boolean;
  /** It was read; else it is what the client dials. */
  readonly read: boolean;
  /** The grant. */
  readonly fact: Fact;
  readonly contributing: readonly ContributingCauseId[];
}

/** The client dials it, and gets no connection. */
function dialledVerdict(context: ChannelContext, named: PrivateAddress, attempt: Connection): Verdict {
  const { client, server } = context.session;
  const facts = [named.fact, ...dialledFacts(attempt)];
  const alternatives: Alternative[] = [];
  const instead = dialledInstead(context);
  if (instead) facts.push(...dialledFacts(instead));
  // Between private networks, or in the client's own, the address may be right and its port closed.
  if (isPrivateUse(client.address) && (isPrivateUse(server.address) || shareNetwork(named.address, client.address)))
    alternatives.push({
      cause: "data-port-filtered",
      missing: "a capture at the server: whether the SYN to its private address arrives",
    });
  else if (instead)
    alternatives.push({
      cause: attemptState(instead) === "rejected" ? "data-port-rejected" : "data-port-filtered",
      missing: `whether ${server.address} lets connections to that port through: the client tried it too`,
    });
  return {
    outcome: "failed",
    cause: "pasv-private-address",
    confidence: named.read && alternatives.length === 0 ? "certain" : "likely",
    facts,
    contributing: [...named.contributing, "client-obeys-private-address"],
    alternatives,
  };
}

/** Nobody is seen to dial it here. */
function undialledVerdict(context: ChannelContext, named: PrivateAddress): Verdict | undefined {
  const elsewhere = attemptElsewhere(context);
  // The client dialled, and not this address.
  if (elsewhere && elsewhere.responder.address !== named.address) return undefined;
  if (elsewhere)
    return {
      outcome: "failed",
      cause: "pasv-private-address",
      confidence: "likely",
      facts: [named.fact, elsewhereFact(elsewhere)],
      contributing: [...named.contributing, "client-obeys-private-address"],
    };
  const filtered = context.capture.sawOtherTcp ? "" : ", which holds no connection but control connections";
  return {
    outcome: "failed",
    cause: "pasv-private-address",
    confidence: "likely",
    facts: [named.fact, { packet: named.fact.packet, says: `no SYN to it is in this capture${filtered}` }],
    contributing: named.contributing,
    alternatives: [
      {
        cause: "syn-not-seen",
        missing: named.own
          ? "a capture at the client: whether a NAT helper rewrites the address further on, and where the SYN went"
          : "a capture at the client, to see where its SYN went",
      },
    ],
  };
}

/** The attempt at the control server's address that some clients make when the advertised one fails, and that failed too. */
function dialledInstead({ channel, session }: ChannelContext): Connection | undefined {
  return channel.attempts.find(
    ({ connection, match }) => match !== "port-differs" && connection.responder.address === session.server.address,
  )?.connection;
}

/**
 * The control connection is encrypted: only a dead attempt at a private address, right after the server spoke, while the server is public.
 */
function hiddenVerdict(context: ChannelContext): Verdict | undefined {
  const { channel, session } = context;
  const attempt = attemptOf(context, "passive");
  if (!channel.hidden || !attempt || attempt.originator.address !== session.client.address) return undefined;
  const target = attempt.responder.address;
  if (!isPrivateUse(target) || target === session.server.address || isPrivateUse(session.server.address))
    return undefined;
  return {
    outcome: "failed",
    cause: "pasv-private-address",
    confidence: "likely",
    facts: dialledFacts(attempt),
    contributing: ["control-encrypted", "client-obeys-private-address"],
    alternatives: [{ cause: "data-port-filtered", missing: "the 227, which is encrypted: CCC, or the client's log" }],
  };
}

function dialledFacts(attempt: Connection): Fact[] {
  const isPrivate = isPrivateUse(attempt.responder.address);
  return attemptFacts(attempt, isPrivate ? ": from whoever has this address on the client's side" : "");
}
