import { formatEndpoint } from "../../address.ts";
import type { ReplyEvent } from "../../ftp/control-event.ts";
import { UNPRIVILEGED_PORT } from "../../ports.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { epsvAllBefore } from "../epsv-all.ts";
import { ONLY_EPSV, type Situation, USE_PASSIVE } from "../remedy.ts";
import { knowsNoSuchVerb, refusalOf, refusesMode, refusesSession, reportsAttempt } from "../reply-text.ts";
import { refusedHandOn } from "../third-host.ts";
import type { Fact } from "../verdict.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "port-refused",
  group: "Negotiation",
  traits: ["refusal"],
  title: "the server refuses active mode for this address or port",
  meaning:
    "The server turns PORT or EPRT down by policy: active mode disabled, a port below 1024, or a third party's address (FTP bounce protection).",
  remedy: [
    USE_PASSIVE,
    "If active mode is wanted, allow it on the server; the client must name its own address and a port above 1023.",
  ],
  setting: "active-mode",
  situations: {
    "after-epsv-all": { remedy: [ONLY_EPSV] },
    "third-host": {
      remedy: [
        USE_PASSIVE,
        "Let the client name its own address. Only where it has to be another server's (FXP), let the server take foreign addresses; this gives up its protection against FTP bounce (RFC 2577).",
      ],
      setting: "foreign-address",
    },
    "other-family": {
      remedy: [USE_PASSIVE, "Or let the client name an address of a family that the reply names (RFC 2428 section 2)."],
    },
    "low-port": { remedy: [USE_PASSIVE, "Correct the client: it must name a port above 1023."] },
    "handed-on": {
      remedy: [
        "The other server takes no PORT that names this one (FXP): allow foreign addresses there, or let it be the passive side if this server allows them.",
        "Without either, transfer the file by way of the client.",
      ],
    },
  },
} as const satisfies Cause;

/**
 * The other side of a transfer between two servers (FXP): what this one granted the other refuses to dial, so that nobody does. Never certain: the client
 * might have told a third server, or have dialled itself. Silent where that server refused the session, and not the PORT.
 */
export const handedOnRule: ChannelRule = ({ channel, session }) => {
  const handed = refusedHandOn(channel, session);
  if (!handed?.reply || channel.connection || refusesSession(handed.reply)) return undefined;
  const { to, command, reply } = handed;
  const facts: Fact[] = [
    {
      packet: command.stamp.packet,
      says: `the client tells ${to} to dial the port that this server granted (${command.verb}, FXP)`,
    },
    { packet: reply.stamp.packet, says: `${to} refuses: ${replyText(reply)}` },
  ];
  const final = channel.transfer?.final;
  if (final) facts.push({ packet: final.stamp.packet, says: replyText(final) });
  return {
    outcome: "failed",
    cause: "port-refused",
    confidence: final ? "likely" : "possible",
    facts,
    situation: "handed-on",
  };
};

/**
 * The server refuses PORT or EPRT by policy: mode disabled, port below 1024, third-party address. Silent where the command itself is
 * malformed: a syntax error is the client's; and where the server does not know the command at all. 522 names the families that the server
 * would take (RFC 2428), which is no policy, but a refusal of this address all the same, and is said so.
 */
export const rule: ChannelRule = ({ channel, session }) => {
  const { negotiation } = channel;
  if (negotiation?.mode !== "active" || negotiation.malformed !== null) return undefined;
  const { advertised, command, verb } = negotiation;
  const reply = refusalOf(negotiation);
  // The server tried, and its connection came to nothing: no refusal.
  if (reply === null || reportsAttempt(reply)) return undefined;
  const epsvAll = epsvAllBefore(session, negotiation);
  if (epsvAll.length === 0 && knowsNoSuchVerb(reply, verb)) return undefined;
  const facts: Fact[] = [...epsvAll, { packet: reply.stamp.packet, says: replyText(reply) }];
  const named = advertised?.address
    ? formatEndpoint({ address: advertised.address, port: advertised.port })
    : `port ${advertised?.port}`;
  const foreign = advertised?.address != null && advertised.address !== session.client.address;
  const low = !foreign && advertised !== null && advertised.port < UNPRIVILEGED_PORT;
  const why =
    reply.code === 522
      ? `${verb} names an address of a family that the server does not take`
      : foreign
        ? `${verb} names ${named}, not the control connection's client ${session.client.address}`
        : low
          ? `${verb} names ${named}, a port below 1024 (RFC 2577)`
          : undefined;
  if (why !== undefined && command) facts.unshift({ packet: command.stamp.packet, says: why });
  // 501 is a syntax error by RFC 959; where the argument is right and nothing else explains it, the server may see it otherwise.
  const unclear = reply.code === 501 && why === undefined && epsvAll.length === 0 && !refusesMode(reply);
  return {
    outcome: "refused",
    cause: "port-refused",
    confidence: unclear ? "likely" : "certain",
    facts,
    situation: epsvAll.length > 0 ? "after-epsv-all" : situationOf(reply, low, foreign),
  };
};

/** @param low the port is below 1024 @param foreign the address is not the client's */
function situationOf(reply: ReplyEvent, low: boolean, foreign: boolean): Situation | null {
  if (reply.code === 522) return "other-family";
  if (low) return "low-port";
  // Another address would not help where the mode is off.
  return foreign && !refusesMode(reply) ? "third-host" : null;
}
