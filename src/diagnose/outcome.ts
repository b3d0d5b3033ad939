import { type ChannelFacts, isPositive, type TransferFacts } from "../correlate/data-channel.ts";
import { crosses } from "../correlate/draft-channels.ts";
import type { CommandEvent, ReplyEvent } from "../ftp/control-event.ts";
import type { Connection } from "../tcp/connection.ts";
import type { HalfConnection } from "../tcp/half-connection.ts";
import type { Stamp } from "../tcp/stream-sink.ts";
import { ANSWER_SECONDS, attemptState, isAnswerLost, isConclusive, REPEATED_SYNS, turnedAway } from "./attempt.ts";
import { blindnessSince, controlBlindness, losesTail, losesWordsBetween, missesCommandBefore } from "./blind-spots.ts";
import type { CauseId } from "./causes.ts";
import type { CaptureFacts, ChannelContext } from "./context.ts";
import { type DataProgress, isInVainBefore, progressOf } from "./data-progress.ts";
import { judgeEstablished } from "./established.ts";
import { announcedSize } from "./file-length.ts";
import { fineBut, type Judgement, judged, wordsUnseen } from "./judgement.ts";
import type { LimitId } from "./limits.ts";
import { oncePer } from "./once-per.ts";
import { isForged, isOwnReset } from "./packet-origin.ts";
import { prohibition } from "./prohibition.ts";
import { announcesOnly, cannotDial, confirmsAbort, dialErrorOf, isOwnReason } from "./reply-text.ts";
import { handedOn, isLeftUndialled } from "./third-host.ts";
import { PATIENCE_SECONDS } from "./vain-wait.ts";

/** What became of a channel, before any rule is asked for the cause. */
export function judge(context: ChannelContext): Judgement {
  const { channel } = context;
  const { negotiation, transfer, connection } = channel;
  if (transfer?.abort && !failedBefore(context, transfer.abort) && !cameWhole(context)) return judged("aborted");
  // "226 Abort successful" to the transfer itself: the ABOR is not in the capture.
  if (transfer && confirmsAbort(transfer.final, transfer.command)) return judged("aborted");
  if (negotiation && !negotiation.granted) return judgeUngranted(context);
  if (transfer?.final === null && wasClosedBefore(context.session.server, transfer.command))
    return fineBut("undetermined", "control-idle-timeout");
  if (turnedAway(channel) && !(transfer && isPositive(transfer))) return fineBut("undetermined", "data-peer-mismatch");
  if (connection) {
    return connection.connection.established ? judgeEstablished(context) : judgeAttempt(context);
  }
  if (negotiation === null) return judged("trouble");
  return judgeUnseen(context);
}

/** The server had closed the session when this was asked for (421 to an idle client, say): nobody was there to begin it. */
function wasClosedBefore({ finPacket, finAcknowledged }: HalfConnection, { stamp, endAt }: CommandEvent): boolean {
  // Where the clocks of two directions differ, what the FIN acknowledges stands behind it.
  return finPacket !== 0 && finPacket < stamp.packet && finAcknowledged < endAt;
}

/**
 * The client aborted a transfer whose connection had not come about, or on which nothing got through any more: the ABOR is the consequence.
 * What comes behind it is the ABOR's.
 */
function failedBefore({ session, channel }: ChannelContext, command: CommandEvent): boolean {
  const { stamp: abort } = command;
  const { connection: matched, transfer } = channel;
  if (matched === null || isPositive(transfer!)) return false;
  const { connection } = matched;
  if (isAnswerLost(connection)) return connection.responder.lastSynPacket < abort.packet;
  if (connection.established) {
    const progress = progressOf(channel, session)!;
    // The server had given up before it read the ABOR: it is the client's doing where the client's host ended the connection.
    return isInVainBefore(progress, abort) || (crosses(command, transfer!.final) && !isEndedByClient(progress, abort));
  }
  switch (attemptState(connection)) {
    case "rejected":
      return connection.responder.resets[0].packet < abort.packet;
    case "prohibited":
      return prohibition(connection)!.packet < abort.packet;
    case "unanswered":
    case "answered-late":
      // Long enough for the SYN to have been repeated.
      return connection.originator.synCount >= REPEATED_SYNS && abort.time - connection.firstTime >= ANSWER_SECONDS;
    default:
      return false;
  }
}

/** The client's own host closed or reset the data connection before this packet. */
function isEndedByClient({ client, cutBy }: DataProgress, { packet }: Pick<Stamp, "packet">): boolean {
  if (cutBy && cutBy.reset.packet < packet) return cutBy.half === client && isOwnReset(cutBy.reset, client);
  return client.finPacket !== 0 && client.finPacket < packet;
}

/** The ABOR came too late: all that was announced has arrived, and the server confirms the transfer (RFC 959 section 4.1.3). */
function cameWhole({ session, channel }: ChannelContext): boolean {
  const { transfer } = channel;
  const progress = progressOf(channel, session);
  if (!progress?.complete || !transfer || !isPositive(transfer) || confirmsAbort(transfer.final, transfer.command))
    return false;
  const size = announcedSize(session, transfer);
  return size !== undefined && progress.sender.bytes >= size.bytes;
}

/** A negotiation that was turned down, or never answered. */
function judgeUngranted(context: ChannelContext): Judgement {
  const { session, capture } = context;
  const negotiation = context.channel.negotiation!;
  const { command, reply } = negotiation;
  // What was lost may have been the yes; what is here may answer another command.
  if (negotiation.replyLost) return judged("undetermined", ...wordsUnseen(session));
  // Between the two a command and its yes may be missing, and the no answers a third.
  if (command && reply && losesWordsBetween(session, command.stamp.packet, reply.stamp.packet))
    return judged("undetermined", ...wordsUnseen(session));
  // A refusal has many causes, and its text, which is not all there, decides between them.
  if (reply?.cut) return judged("undetermined", ...wordsUnseen(session));
  // Asked for too early: "450 PASV: data transfer in progress" (ProFTPD), "500 Unknown command" (Pure-FTPd).
  if (negotiation.duringTransfer && (reply?.code === 450 || reply?.code === 500)) return judged("not-attempted");
  if (reply !== null) return { ...judged("trouble"), unexplained: "refused" };
  if (session.server.packets === 0) return judged("undetermined", "one-sided");
  if (negotiation.duringTransfer) return judged("not-attempted");
  const asked = command!.stamp;
  const blindness = controlBlindness(session, "server", asked.packet);
  if (blindness) return judged("undetermined", blindness);
  // A lost command may have begun a transfer, and a server inside one answers nothing.
  if (missesCommandBefore(session, asked.packet)) return judged("undetermined", "control-gap");
  if (session.client.packets === 0) return judged("undetermined", "one-sided");
  // Behind the end of the control connection nothing would have come.
  const over = session.control.closed;
  if (!over && session.atCaptureEnd && capture.now - asked.time < ANSWER_SECONDS)
    return judged("undetermined", "capture-ends");
  // Some servers dial before they answer PORT (pyftpdlib, tcllib): what became of the SYN decides.
  if (context.channel.connection?.connection.established === false) return judgeAttempt(context);
  return judged("trouble");
}

/** A connection attempt that did not come about. */
function judgeAttempt(context: ChannelContext): Judgement {
  const { session, channel, capture } = context;
  const attempt = channel.connection!;
  // What was granted is cut off, and this goes elsewhere than to the server: of addresses only a private one speaks for itself.
  if (
    attempt.match === "inferred" &&
    channel.negotiation &&
    attempt.connection.responder.address !== session.server.address
  )
    return fineBut("undetermined", "pasv-private-address");
  // The server had turned the transfer down for a reason of its own, and closed its port, before the client's SYN came.
  const final = channel.transfer?.replyLost === false ? channel.transfer.final : null;
  if (final && final.stamp.packet < answeredAt(context)) {
    if (isOwnReason(final, channel.transfer!.command)) return judged("refused");
    if (final.cut && final.code >= 400) return judged("undetermined", ...wordsUnseen(session));
  }
  const state = attemptState(attempt.connection);
  if (state === "unclear") return judged("undetermined", "one-sided");
  if (state === "rejected" && isSuperseded(context, attempt.connection)) return judged("not-attempted");
  // A transfer that the server confirms had its connection: its answers went past this capture.
  if (channel.transfer?.final && isPositive(channel.transfer)) return judged("ok", "one-sided");
  if (state !== "unanswered") return judged("trouble");
  if (session.server.packets === 0 || session.client.packets === 0) return judged("undetermined", "one-sided");
  if (saysAnswered(channel)) return judged("undetermined", "data-gap");
  if (capture.cutIcmp) return judged("undetermined", "snaplen-cut");
  if (!isConclusive(attempt, capture.now)) return judged("undetermined", "capture-ends");
  // Sent once and not again, though there was time for it: something told the client to stop, and this capture does not have it.
  if (attempt.connection.originator.synCount < REPEATED_SYNS && !saidToHaveFailed(channel))
    return judged("undetermined", "one-sided");
  return judged("trouble");
}

/** The client dials what its own next PASV has closed (vsftpd), and the server's host says so. */
function isSuperseded({ channel, session }: ChannelContext, { firstTime, responder }: Connection): boolean {
  return (
    channel.negotiation?.mode === "passive" &&
    firstTime >= channel.until &&
    !isForged(responder.resets[0], session.server)
  );
}

/** The packet by which the client's SYN is known to have come: the server's own RST, over a long way; else that SYN, as if there were no way. */
function answeredAt({ session, channel }: ChannelContext): number {
  const { connection } = channel.connection!;
  const { firstPacket, responder } = connection;
  const isServers = channel.negotiation?.mode === "passive" && responder.address === session.server.address;
  if (!isServers || attemptState(connection) !== "rejected") return firstPacket;
  const [reset] = responder.resets;
  return isOwnReset(reset, session.server) ? reset.packet : firstPacket;
}

/** The server names the error that its own SYN met: the RST or ICMP error that a capture without any answer lacks. */
function saysAnswered({ transfer, negotiation }: ChannelFacts): boolean {
  const reply = transfer?.final ?? negotiation?.reply;
  return reply != null && dialErrorOf(reply) !== undefined;
}

/** A negative reply reports that the connection did not come about. */
function saidToHaveFailed({ transfer }: ChannelFacts): boolean {
  return transfer?.final != null && transfer.final.code >= 400 && !transfer.replyLost;
}

/** No connection that fits is in the capture. */
function judgeUnseen(context: ChannelContext): Judgement {
  const { session, channel } = context;
  const { negotiation, transfer } = channel;
  if (transfer?.final) return judgeUnseenAnswered(context, transfer, transfer.final);
  const unheard = blindnessSince(session, negotiation);
  if (unheard) return judged("undetermined", unheard);
  // A grant that never reached the client cannot have been followed: that is the control connection's trouble.
  if (negotiation?.mode === "passive" && negotiation.reply && session.server.acked < negotiation.reply.endAt)
    return session.control.midstream
      ? judged("undetermined", "midstream")
      : fineBut("undetermined", "negotiation-dropped-by-helper");
  return transfer === null ? judgeUnwanted(context) : judgeUnseenUnanswered(context, transfer);
}

/** The server has said how the transfer ended. */
function judgeUnseenAnswered(context: ChannelContext, transfer: TransferFacts, final: ReplyEvent): Judgement {
  const { session, channel, capture } = context;
  if (isPositive(transfer)) return judged("ok", ...unseenLimits(capture));
  if (transfer.replyLost) return judged("undetermined", ...wordsUnseen(session));
  if (isOwnReason(final, transfer.command)) return judged("refused");
  if (channel.negotiation?.mode === "active" && cannotDial(final, transfer.command)) return judged("refused");
  // Its text decides who is to blame, and is not all there.
  if (final.cut) return judged("undetermined", ...wordsUnseen(session));
  // It speaks of a connection that came about: what became of it, only a capture of it can say.
  return tellsOfConnection(final) ? fineBut("undetermined", ...TOLD_BY_TEXT) : judged("trouble");
}

/** A transfer was asked for, and nobody says how it ended. */
function judgeUnseenUnanswered(context: ChannelContext, transfer: TransferFacts): Judgement {
  const { session, capture } = context;
  // 150 without an end: most servers say it once the data connection stands, so the capture only did not see it.
  if (transfer.replyLost || transfer.replies.some((reply) => !announcesOnly(reply)))
    return judged("undetermined", ...unseenLimits(capture));
  const { packet, time } = transfer.command.stamp;
  const unanswered = controlBlindness(session, "server", packet);
  if (unanswered) return judged("undetermined", unanswered);
  if (!session.client.ended && capture.now - time < ANSWER_SECONDS) return judged("undetermined", "capture-ends");
  return judgeMissing(context);
}

/** No transfer was asked for. */
function judgeUnwanted(context: ChannelContext): Judgement {
  const { session, channel, channels, index, capture } = context;
  if (lastUsed(channels) > index) return judged("not-attempted");
  // Until a transfer is asked for no server dials what it has granted, nor one that the port was handed on to (FXP).
  if (channel.negotiation?.mode === "active" || isLeftUndialled(handedOn(channel, session)))
    return judged("not-attempted");
  if (isRefusedFirst(channel)) return judged("not-attempted");
  const left = session.client.ended || channel.followedBy.some(({ command }) => command?.verb === "QUIT");
  if (!left && capture.now - channel.from < ANSWER_SECONDS) return judged("undetermined", "capture-ends");
  if (session.server.packets === 0) return judged("undetermined", "one-sided");
  if (leavesAnswered(context)) return judged("undetermined", ...unseenLimits(capture));
  return judgeMissing(context);
}

/** Nobody says that anything failed, and a capture that lacks words of this very session may as well lack its data connection. */
function judgeMissing({ session, channels, capture }: ChannelContext): Judgement {
  if (lacksConnections(channels)) return judged("undetermined", ...unseenLimits(capture));
  return session.lostBytes || losesTail(session) ? judged("undetermined", "control-gap") : judged("trouble");
}

function unseenLimits({ sawOtherTcp }: CaptureFacts): LimitId[] {
  return sawOtherTcp ? [] : ["capture-filtered"];
}

/**
 * The last that the client asked before it left is refused for a reason of the server's own: there is nothing to transfer (curl asks SIZE behind EPSV, and
 * leaves over its 550). Not where it had waited since the grant, as it does for a connection that does not come about.
 */
function isRefusedFirst({ followedBy, from }: ChannelFacts): boolean {
  const last = followedBy.findLast(({ command }) => command !== null && command.verb !== "QUIT");
  if (!last?.command || last.final === null || last.replyLost || !isOwnReason(last.final, last.command)) return false;
  return last.command.stamp.time - from < PATIENCE_SECONDS;
}

/**
 * The client asked for something else right behind the grant, had its answer, and left soon: curl asks for the size when it is connected. Who dials in
 * vain says nothing more, or waits before it does.
 */
function leavesAnswered({ session: { client }, channel }: ChannelContext): boolean {
  const wentOn = channel.followedBy.some(
    ({ command, final }) =>
      command && command.verb !== "QUIT" && final && command.stamp.time - channel.from < PATIENCE_SECONDS,
  );
  const left = Math.min(client.finTime || Infinity, client.resets[0]?.time ?? Infinity);
  return wentOn && left - channel.from < ANSWER_SECONDS;
}

/** A transfer worked, and its connection is not in the capture: neither need be one that was dialled in vain. */
const lacksConnections = oncePer((channels: readonly ChannelFacts[]) =>
  channels.some(
    ({ transfer, connection }) =>
      connection === null &&
      transfer?.final &&
      isPositive(transfer) &&
      !confirmsAbort(transfer.final, transfer.command),
  ),
);

/** The last channel whose negotiation was granted, or may have been, and used; -1 when none was. */
const lastUsed = oncePer((channels: readonly ChannelFacts[]) =>
  channels.findLastIndex(
    ({ negotiation, transfer, connection }) =>
      negotiation !== null &&
      (negotiation.granted || negotiation.replyLost) &&
      (transfer !== null || connection !== null),
  ),
);

/** Causes that the text of a reply proves by itself. */
const TOLD_BY_TEXT: readonly CauseId[] = [
  "data-protection-required",
  "data-peer-mismatch",
  "tls-session-reuse-required",
  "data-tls-handshake-failed",
];

/** 426 closes a connection that there was, 451 breaks off what was under way (RFC 959 section 4.2); 425 says that there was none. */
function tellsOfConnection({ code }: ReplyEvent): boolean {
  return code === 426 || code === 451;
}
