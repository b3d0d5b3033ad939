import { formatEndpoint } from "../../address.ts";
import { turnedAway } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import { progressOf } from "../data-progress.ts";
import { answererOrigin } from "../packet-origin.ts";
import { mayMean, speaksOfConnection } from "../reply-text.ts";
import { VAIN_WAIT_SECONDS, waitForAnswer } from "../vain-wait.ts";
import type { Fact, Verdict } from "../verdict.ts";
import { replyText, secondsText } from "../wording.ts";

export const cause = {
  id: "data-peer-mismatch",
  group: "Connecting",
  traits: [],
  title: "the data connection comes from another host than the control connection",
  meaning:
    "The server drops the data connection because its peer is not the control connection's client; a NAT device or load balancer uses several addresses.",
  remedy: [
    "Let control and data connections of one client leave by the same address (one SNAT address, or persistence by source address on the load balancer).",
    "Only where that is impossible, let the server accept other addresses; this gives up its protection against stolen data connections.",
  ],
  setting: "foreign-address",
} as const satisfies Cause;

/**
 * The data connection came from another host than the control connection's peer, and the server turned it down (RFC 2577), in words or without any,
 * or it was answered by another host than the server. Where the stranger's connection works, it is FXP or a client with several addresses, and nobody
 * is to blame.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const { negotiation, transfer } = channel;
  const reply = turnedAway(channel) ?? transfer?.final;
  // "foreign address" is also how a PORT that names another host is refused: that is the negotiation's own matter.
  if (negotiation?.granted === false) return undefined;
  const connection = channel.connection?.connection;
  const peer = negotiation?.mode === "active" ? session.server.address : session.client.address;
  const stranger = connection !== undefined && connection.originator.address !== peer;
  const dialled: Fact[] = stranger
    ? [
        {
          packet: connection.firstPacket,
          says: `data connection from ${formatEndpoint(connection.originator)}; the control connection's peer is ${peer}`,
        },
      ]
    : [];
  if (!reply) {
    const waited = stranger && droppedByServer(context) ? waitedInVain(context) : undefined;
    return waited && likely([...dialled, waited]);
  }
  const says = mayMean(reply, "peer-mismatch", transfer?.command);
  const elsewhere = says || stranger ? undefined : answeredElsewhere(context);
  if (elsewhere) return elsewhere;
  if (!says && !(stranger && speaksOfConnection(reply) && droppedByServer(context))) return undefined;
  const facts: Fact[] = [...dialled, { packet: reply.stamp.packet, says: replyText(reply) }];
  return says ? { outcome: "failed", cause: "data-peer-mismatch", confidence: "certain", facts } : likely(facts);
};

function likely(facts: readonly Fact[]): Verdict {
  return {
    outcome: "failed",
    cause: "data-peer-mismatch",
    confidence: "likely",
    facts,
    alternatives: [{ cause: "data-connection-reset", missing: "the server's log: why it dropped the data connection" }],
  };
}

/** The transfer command, acknowledged and not answered until the client gave up: Pure-FTPd says nothing of a stranger, and waits for the right one. */
function waitedInVain({ channel, session }: ChannelContext): Fact | undefined {
  const command = channel.transfer?.command;
  if (!command || channel.transfer?.replyLost || session.server.lastNewPayloadTime > command.stamp.time)
    return undefined;
  const waited = waitForAnswer(session, command, VAIN_WAIT_SECONDS);
  if (waited === null) return undefined;
  return {
    packet: command.stamp.packet,
    says: `${command.verb} is not answered for ${secondsText(waited)}, until the client leaves`,
  };
}

/** The server accepted the connection, sent nothing on it, and ended it first. */
function droppedByServer({ channel, session }: ChannelContext): boolean {
  const progress = progressOf(channel, session);
  if (!progress || progress.server.bytes > 0) return false;
  const { client, server } = progress;
  return server.resetCount > 0 || server.closedBefore(client);
}

/**
 * Passive: the client's connection was answered in the server's name by another host, and the server says that none came: a load balancer led it to
 * another backend, or a proxy holds it.
 */
function answeredElsewhere({ channel, session }: ChannelContext): Verdict | undefined {
  const { negotiation, transfer } = channel;
  const connection = channel.connection?.connection;
  const reply = transfer?.final;
  if (negotiation?.mode !== "passive" || !connection || connection.responder.synCount === 0) return undefined;
  if (!reply || !speaksOfConnection(reply) || !mayMean(reply, "connect-failed", transfer?.command)) return undefined;
  if (connection.responder.address !== session.server.address || connection.responder.bytes > 0) return undefined;
  const origin = answererOrigin(connection.responder, session.server);
  if (origin?.who !== "middlebox" && origin?.who !== "beyond") return undefined;
  return {
    outcome: "failed",
    cause: "data-peer-mismatch",
    confidence: "likely",
    facts: [
      {
        packet: connection.responder.synPacket,
        says: `the SYN-ACK of the data connection is not the server's: ${origin.text}; another backend or a proxy answers in its name`,
      },
      { packet: reply.stamp.packet, says: replyText(reply) },
    ],
    alternatives: [{ cause: "data-port-filtered", missing: "a capture at the server: whether the SYN arrives there" }],
  };
}
