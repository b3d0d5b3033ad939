import { isPositive } from "../correlate/data-channel.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import { REORDER_SECONDS } from "../tcp/early-packets.ts";
import { dataBlindness, losesWordsBetween } from "./blind-spots.ts";
import type { CauseId } from "./causes.ts";
import type { CaptureFacts, ChannelContext } from "./context.ts";
import { progressOf } from "./data-progress.ts";
import { oncePer } from "./once-per.ts";

/** Limits of the capture, each of which caps what may be claimed: what it keeps us from saying. */
export const LIMIT_TEXT = {
  "snaplen-cut": "packets are cut short (snaplen): text of the control connection is missing",
  "control-gap": "packets of the control connection are missing from the capture",
  "data-gap": "packets of the data connection are missing from the capture",
  midstream: "the capture begins in the middle of a session",
  "one-sided": "only one direction was captured: a missing answer proves nothing",
  "capture-filtered":
    "the capture holds nothing but control connections: data connections may have been filtered out of it",
  "capture-ends": "the capture ends too early to see how it ended",
  duplicates: "packets were captured more than once",
  "clock-step": "the capture's clock stepped back: durations are not reliable",
  "truncated-file": "the file ends in the middle of a record",
} as const;

/** The id of a limit: API as those of the causes. */
export type LimitId = keyof typeof LIMIT_TEXT;

/** The ids of all limits. */
export const LIMIT_IDS = Object.keys(LIMIT_TEXT) as readonly LimitId[];

/** What the capture cannot show of a session as a whole. */
export function sessionLimits(session: SessionFacts, capture: CaptureFacts): LimitId[] {
  const limits: LimitId[] = [];
  if (session.control.midstream) limits.push("midstream");
  if (session.cutBytes) limits.push("snaplen-cut");
  if (session.lostBytes) limits.push("control-gap");
  // Nothing comes back to a SYN that is dropped either: that is no want of the capture.
  if (session.control.established && (session.client.packets === 0 || session.server.packets === 0))
    limits.push("one-sided");
  // Nobody can say that an encrypted session had no data connection when there is nothing but control connections.
  if (session.hidden.length > 0 && session.candidates.length === 0 && !capture.sawOtherTcp)
    limits.push("capture-filtered");
  if (session.control.copies > 0) limits.push("duplicates");
  if (stepsBack(session)) limits.push("clock-step");
  return limits;
}

/** The causes whose proof is that a SYN is not there. */
const BY_ABSENCE: ReadonlySet<CauseId> = new Set(["syn-not-seen", "pasv-private-address", "port-private-address"]);

/** The limits that bear on what is said of this very channel: on its connection, on its words, on its times. */
export function channelLimits(context: ChannelContext, cause: CauseId | null): LimitId[] {
  const { session, channel, capture } = context;
  const limits: LimitId[] = [];
  const { negotiation, transfer, connection } = channel;
  if (session.cutBytes && negotiation?.advertised === null) limits.push("snaplen-cut");
  if (losesWords(context)) limits.push("control-gap");
  const confirmed = transfer !== null && isPositive(transfer);
  const progress = progressOf(channel, session);
  if (progress) {
    const { originator, responder } = progress.connection;
    const ended = progress.sender.finPacket !== 0 || originator.resetCount + responder.resetCount > 0;
    // Confirmed, and its end is not seen: the capture lacks it, unless what was confirmed never arrived.
    const lacksEnd = confirmed && !ended && cause === null;
    const blindness = dataBlindness(progress) ?? (lacksEnd ? "data-gap" : null);
    if (blindness) limits.push(blindness);
  }
  // Where the server refused the negotiation no connection was due.
  const wasDue = negotiation === null || negotiation.granted || negotiation.reply === null;
  if (connection === null && wasDue && cause !== null && BY_ABSENCE.has(cause) && !capture.sawOtherTcp)
    limits.push("capture-filtered");
  // Confirmed, so there was one, and the capture has others of its kind.
  if (connection === null && negotiation?.granted && confirmed && capture.sawOtherTcp) limits.push("data-gap");
  if (stepsBack(session)) limits.push("clock-step");
  return limits;
}

/** Something that was said from the negotiation to the end of the transfer is not in the capture. */
function losesWords({ session, channel, channels, index }: ChannelContext): boolean {
  if (!session.lostBytes) return false;
  const { negotiation, transfer, connection } = channel;
  const first = negotiation?.command ?? negotiation?.reply ?? transfer?.command;
  const from = first?.stamp.packet ?? connection?.connection.firstPacket ?? 0;
  const next = channels[index + 1]?.negotiation;
  const until =
    transfer?.final?.stamp.packet ?? (next?.command ?? next?.reply)?.stamp.packet ?? Number.POSITIVE_INFINITY;
  return losesWordsBetween(session, from - 1, until);
}

/** The control connection's words stand in an order that is not that of their times: durations are not to be trusted. */
const stepsBack = oncePer(({ events }: SessionFacts): boolean => {
  let latest = Number.NEGATIVE_INFINITY;
  let latestPacket = 0;
  for (const { stamp } of events) {
    const time = stamp.time;
    if (stamp.packet > latestPacket && time < latest - REORDER_SECONDS) return true;
    if (time > latest) {
      latest = time;
      latestPacket = stamp.packet;
    }
  }
  return false;
});
