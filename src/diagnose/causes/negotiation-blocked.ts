import { packetNumberOf } from "../../capture/frame.ts";
import type { CommandEvent, ReplyEvent } from "../../ftp/control-event.ts";
import type { Cause } from "../cause.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import { controlEnd, DEAD_RETRANSMISSIONS, IDLE_SECONDS } from "../control-end.ts";
import { deviceFacts, resetOrigin } from "../packet-origin.ts";
import { mayBeDialling, PATIENCE_SECONDS, waitForAnswer } from "../vain-wait.ts";
import { vantageOf } from "../vantage.ts";
import type { Alternative, Confidence, Fact, Verdict } from "../verdict.ts";
import { replyText, secondsText } from "../wording.ts";

export const cause = {
  id: "negotiation-blocked",
  group: "Negotiation",
  traits: ["device"],
  title: "the negotiation is swallowed on its way",
  meaning:
    "The command that should set up the data connection, or its reply, vanishes or is answered by something else while the rest of the session lives.",
  remedy: [
    "Look for FTP inspection on the path that does not know this command, and update it or switch it off.",
    "Try the other form: PASV for EPSV or EPSV for PASV, PORT for EPRT or EPRT for PORT (over IPv6 there is none).",
  ],
} as const satisfies Cause;

/**
 * The command vanishes while the rest of the session lives: an inspecting middlebox swallowed it, or answered it with a reset or a refusal of its
 * own.
 * A server still inside an earlier transfer answers nothing either (that is `not-attempted`), and neither does one that dials before it answers PORT
 * (pyftpdlib, tcllib): where its SYN is seen, the negotiation arrived.
 */
export const rule: ChannelRule = (context) => {
  const { negotiation, connection } = context.channel;
  if (negotiation?.reply && !negotiation.granted) return answeredByDevice(context, negotiation.reply);
  if (!negotiation?.command || negotiation.reply !== null || negotiation.duringTransfer || connection) return undefined;
  const { command } = negotiation;
  return context.session.client.acked >= command.endAt
    ? (answeredLater(context, command) ?? resetByDevice(context, command) ?? neverAnswered(context, command))
    : (resetByDevice(context, command) ?? neverAcknowledged(context, command));
};

/** Refused, and not by the server. */
function answeredByDevice({ session, channel }: ChannelContext, reply: ReplyEvent): Verdict | undefined {
  const byDevice = reply.code < 400 ? [] : deviceFacts(reply, channel.negotiation!.verb, session);
  if (byDevice.length === 0) return undefined;
  const facts = [{ packet: reply.stamp.packet, says: replyText(reply) }, ...byDevice];
  return { ...verdict("likely", facts), outcome: "refused" };
}

/** Acknowledged and never answered, and the next command is: only this one was taken away. */
function answeredLater({ session }: ChannelContext, command: CommandEvent): Verdict | undefined {
  const next = session.exchanges.find(
    (exchange) =>
      exchange.command !== null &&
      exchange.command.startAt >= command.endAt &&
      exchange.final !== null &&
      exchange.final.code < 400,
  );
  if (!next) return undefined;
  return verdict("likely", [
    { packet: command.stamp.packet, says: `${command.verb} is acknowledged and never answered` },
    {
      packet: next.final!.stamp.packet,
      says: `the session lives on: ${next.command!.verb} is answered ${next.final!.code}`,
    },
  ]);
}

/** A reset ends the session at this very command, and another host than the server sent it. */
function resetByDevice({ session }: ChannelContext, command: CommandEvent): Verdict | undefined {
  const end = controlEnd(session);
  if (end.reset?.half !== session.server || end.reset.reset.time < command.stamp.time) return undefined;
  const origin = resetOrigin(end.reset.reset, session.server);
  // The server's own reset: its process died. An idle connection: a NAT forgot it.
  if (origin.who === "host" || origin.who === "unknown" || idleBefore(end.idleBefore)) return undefined;
  return verdict("likely", [
    { packet: command.stamp.packet, says: `${command.verb} is not answered` },
    { packet: end.reset.reset.packet, says: `a RST in the server's name ends the session: ${origin.text}` },
  ]);
}

/**
 * Acknowledged, waited for, and the client leaves; the server's TCP lives, its FTP says nothing. A slow server looks the same. Silent at the server, where
 * the command has arrived, and for a PORT that may still be dialled for (`syn-not-seen`).
 */
function neverAnswered({ session, channel }: ChannelContext, command: CommandEvent): Verdict | undefined {
  const { client, server } = session;
  const waited = waitForAnswer(session, command, PATIENCE_SECONDS);
  if (waited === null || vantageOf(session).side === "server" || mayBeDialling(session, channel.negotiation!))
    return undefined;
  return verdict(
    "possible",
    [
      { packet: command.stamp.packet, says: `${command.verb} is acknowledged and never answered` },
      {
        packet: client.finPacket,
        says: `the client leaves after ${secondsText(waited)}; the server's TCP still acknowledges (packet ${packetNumberOf(server.lastPacket)})`,
      },
    ],
    [{ cause: "control-connection-lost", missing: "a capture at the server: whether the command arrives there" }],
  );
}

/** Repeated and never acknowledged, while everything before it was: what stops it may have stopped the whole connection. */
function neverAcknowledged({ session }: ChannelContext, command: CommandEvent): Verdict | undefined {
  const { client } = session;
  if (client.acked <= 0 || client.acked !== command.startAt || client.stalledRetransmissions < DEAD_RETRANSMISSIONS)
    return undefined;
  if (idleBefore(controlEnd(session).idleBefore)) return undefined;
  return verdict(
    "possible",
    [
      {
        packet: command.stamp.packet,
        says: `${command.verb}, repeated ${client.stalledRetransmissions} times and never acknowledged; everything before it was`,
      },
      { packet: client.stalledLastPacket, says: "the last repetition" },
    ],
    [{ cause: "control-connection-lost", missing: "a capture at the server: whether anything still arrives there" }],
  );
}

function idleBefore(seconds: number): boolean {
  return seconds >= IDLE_SECONDS;
}

function verdict(confidence: Confidence, facts: readonly Fact[], alternatives: readonly Alternative[] = []): Verdict {
  return { outcome: "failed", cause: "negotiation-blocked", confidence, facts, alternatives };
}
