import type { ChannelFacts } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import { transferKind } from "../ftp/command.ts";
import type { CommandEvent } from "../ftp/control-event.ts";
import { asksForTransfer, type Exchange } from "../ftp/exchange.ts";
import type { HalfConnection, Reset } from "../tcp/half-connection.ts";
import { ANSWER_SECONDS } from "./attempt.ts";
import type { ChannelContext } from "./context.ts";
import { progressOf, SILENCE_SECONDS, stoppedBefore } from "./data-progress.ts";
import { isOwnReset } from "./packet-origin.ts";

/**
 * The client had enough of a download in the clear that flowed: its own host resets what its program closed with data unread (RFC 1122
 * section 4.2.2.13), and the program goes on to something else or leaves. Not where the client's host says anything but RST afterwards, for then
 * its program had closed nothing; not where it asks for the same again, for then it wanted the rest; and not where it does nothing more, for then
 * nobody can tell.
 */
export function isBrokenOff(context: ChannelContext): boolean {
  if (!isDropped(context)) return false;
  const { session, channel, channels, index } = context;
  const { transfer } = channel;
  const later = laterThan(context);
  const next = nextTransfer(later, channels, index);
  if (next) return next.verb !== transfer!.command.verb || next.argument !== transfer!.command.argument;
  return index + 1 < channels.length || later.some(({ command }) => command !== null) || leavesFirst(session);
}

/** The same, as far as it got: the capture ends before the client can have gone on or left. */
export function mayBeBrokenOff(context: ChannelContext): boolean {
  const { session, channels, index, capture } = context;
  if (!session.atCaptureEnd || !isDropped(context) || isBrokenOff(context)) return false;
  const { reset } = progressOf(context.channel, session)!.cutBy!;
  const over = session.client.finPacket !== 0 || session.server.finPacket !== 0 || session.control.closed;
  return !over && index + 1 === channels.length && capture.now - reset.time < ANSWER_SECONDS;
}

/** The client's own host resets a download in the clear that flowed, and says nothing more on its connection. */
function isDropped({ session, channel }: ChannelContext): boolean {
  const progress = progressOf(channel, session);
  const { transfer } = channel;
  if (!progress?.cutBy || progress.tls || !transfer || transferKind(transfer.command.verb) === "upload") return false;
  const { half, reset } = progress.cutBy;
  const { client } = progress;
  if (half !== client || !isOwnReset(reset, client)) return false;
  // Not while it stood still: why it did is the question (`data-stalled`).
  if (stoppedBefore(progress, reset) || reset.time - progress.sender.lastNewPayloadTime >= SILENCE_SECONDS)
    return false;
  return !goesOn(client, reset, progress.sender.acked);
}

/** What the two said behind the transfer command, before the next negotiation. */
function laterThan({ channel: { followedBy, transfer } }: ChannelContext): readonly Exchange[] {
  return followedBy.slice(1 + followedBy.findIndex(({ command }) => command === transfer!.command));
}

/** @param later what follows the transfer before the next negotiation, whose channel is behind `index` */
function nextTransfer(
  later: readonly Exchange[],
  channels: readonly ChannelFacts[],
  index: number,
): CommandEvent | null {
  const same = later.find(asksForTransfer);
  if (same) return same.command;
  for (let i = index + 1; i < channels.length; i++) if (channels[i].transfer) return channels[i].transfer!.command;
  return null;
}

/** The host whose RST that should be says more than it could have said before. @param acknowledged how much it acknowledges of the other end's stream */
function goesOn(host: HalfConnection, reset: Reset, acknowledged: number): boolean {
  if (host.finPacket > reset.packet) return true;
  if (reset.hasAck) return acknowledged > reset.acknowledges;
  // More resets than are kept come of a host that knows the connection no more.
  return host.resetCount === host.resets.length && host.lastPacket !== host.resets.at(-1)!.packet;
}

/** The client ends the session, by FIN or by its own RST. */
function leavesFirst({ client, server }: SessionFacts): boolean {
  if (client.finPacket !== 0 || client.resets.length === 0) return client.closedBefore(server);
  return server.finPacket === 0 && isOwnReset(client.resets[0], client);
}
