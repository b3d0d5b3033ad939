import { formatEndpoint } from "../address.ts";
import type { SessionFacts } from "../correlate/session-facts.ts";
import type { Connection } from "../tcp/connection.ts";
import { attemptState, isAnswerLost } from "./attempt.ts";
import type { ChannelContext } from "./context.ts";
import type { Fact } from "./verdict.ts";
import { synText } from "./wording.ts";

/**
 * What another point of the network shows of the same session (`-i any` on a NAT, or a second capture): a SYN that is here and not there, or there
 * and not here, was stopped between the two.
 */

/** The attempt at this channel's port that is seen at another point; of several the one nearest to the grant, since ports come again. */
export function attemptElsewhere({ session, channel }: ChannelContext): Connection | undefined {
  const port = channel.negotiation?.advertised?.port;
  if (port === undefined || session.elsewhere.length === 0) return undefined;
  const apart = ({ firstTime }: Connection) => Math.abs(firstTime - channel.from);
  return session.elsewhere
    .filter(({ responder }) => responder.port === port)
    .reduce<Connection | undefined>((best, one) => (best && apart(best) <= apart(one) ? best : one), undefined);
}

/** The same attempt at another point, with whatever addresses: a NAT leaves the initial sequence number and, forwarding 1:1, the port. */
export function sameAttemptElsewhere(attempt: Connection, { elsewhere }: SessionFacts): Connection | undefined {
  const { originator, responder } = attempt;
  return elsewhere.find(
    (other) =>
      originator.baseFromSyn &&
      other.originator.baseFromSyn &&
      other.originator.base === originator.base &&
      other.responder.port === responder.port,
  );
}

/** What became of an attempt at the other point. */
export function elsewhereFact(attempt: Connection): Fact {
  const syn = `at another point of the network: SYN to ${formatEndpoint(attempt.responder)}, ${synText(attempt)}`;
  const told = (text: string, packet = attempt.firstPacket) => ({ packet, says: `${syn}, ${text}` });
  switch (attemptState(attempt)) {
    case "rejected":
      return told("answered there by a RST", attempt.responder.resets[0].packet);
    case "answered-late":
      return told("answered there by a RST, and only at last", attempt.responder.resets[0].packet);
    case "prohibited":
      return told("answered there by an ICMP error", attempt.icmpErrors[0].packet);
    case "established":
      return isAnswerLost(attempt)
        ? told("answered there by a SYN-ACK that is never acknowledged", attempt.responder.synPacket)
        : told("and the connection comes about there");
    default:
      return told("never answered there");
  }
}
