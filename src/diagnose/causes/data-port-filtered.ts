import { formatEndpoint } from "../../address.ts";
import { isStrayAnswer } from "../../correlate/correlate.ts";
import { attemptOf, cameAbout, isUnheard, mayBeAdvertised, REPEATED_SYNS, unheardFacts } from "../attempt.ts";
import type { Cause } from "../cause.ts";
import type { ChannelRule } from "../context.ts";
import { controlEnd } from "../control-end.ts";
import { elsewhereFact, sameAttemptElsewhere } from "../elsewhere.ts";
import { ANSWER_LOST, FORWARD_RANGE, OTHER_SERVER } from "../remedy.ts";
import { vantageOf } from "../vantage.ts";
import type { Alternative, Fact } from "../verdict.ts";
import { secondsText } from "../wording.ts";

export const cause = {
  id: "data-port-filtered",
  group: "Connecting",
  traits: [],
  title: "the SYN to the server's data port is never answered",
  meaning:
    "The server advertised a usable address and port, but the client's SYNs to it are dropped on their way or by the server's own firewall.",
  remedy: [FORWARD_RANGE],
  setting: "passive-range",
  situations: {
    "answer-lost": { remedy: [ANSWER_LOST] },
    "answered-by-another": {
      remedy: [
        "The answer comes from another address than the one that was dialled: the SYN and its answer have to pass the same NAT device or load balancer, and a server with several addresses has to answer from the one that was dialled.",
      ],
    },
    "other-server": OTHER_SERVER,
  },
} as const satisfies Cause;

/**
 * Passive: SYNs to a usable target and no answer of any kind, while the control connection lives. Inconclusive silence (one SYN at the
 * end of the capture, one-sided captures) never gets here: `outcome.ts` says `undetermined`.
 */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const attempt = attemptOf(context, "passive");
  if (!attempt || !isUnheard(attempt)) return undefined;
  const elsewhere = sameAttemptElsewhere(attempt, session);
  // At another point it comes about: this one only lacks the answer.
  if (elsewhere && cameAbout(elsewhere)) return undefined;
  const heard = session.server.lastTime > attempt.firstTime;
  // The control connection went silent as well: not this port is at fault but the server, or the whole path.
  if (!heard && controlEnd(session).kind === "client-unheard") return undefined;
  const facts: Fact[] = [];
  if (channel.negotiation?.reply)
    facts.push({
      packet: channel.negotiation.reply.stamp.packet,
      says: `${channel.negotiation.reply.code} grants port ${attempt.responder.port}`,
    });
  const server = session.server.address;
  const isForeign = attempt.responder.address !== server;
  const whose = isForeign ? `, not to the control connection's server ${server}` : "";
  facts.push(...unheardFacts(attempt, `SYN to ${formatEndpoint(attempt.responder)}${whose}`));
  const stray = channel.attempts.find(({ connection }) => isStrayAnswer(connection, attempt))?.connection;
  if (stray)
    facts.push({
      packet: stray.responder.synPacket,
      says: `${formatEndpoint(stray.responder)} sends a SYN-ACK to the port that the SYN came from: not the host that was dialled, so the client's host takes no notice, or resets it`,
    });
  if (heard)
    facts.push({
      packet: session.server.lastPacket,
      says: `the server lives: its last packet on the control connection comes ${secondsText(session.server.lastTime - attempt.firstTime)} after that SYN`,
    });
  // Where a RST would set out no RST can be lost.
  const vantage = vantageOf(session);
  const atServer = vantage.side === "server" && !isForeign;
  if (atServer)
    facts.push({
      packet: attempt.firstPacket,
      says: `captured at the server (${vantage.reason}): the SYN gets there, and what drops it is the server's own firewall or stands right before it`,
    });
  if (elsewhere) facts.push(elsewhereFact(elsewhere));
  return {
    outcome: "failed",
    cause: "data-port-filtered",
    confidence: attempt.originator.synCount >= REPEATED_SYNS ? "likely" : "possible",
    facts,
    contributing: channel.hidden ? ["control-encrypted"] : [],
    situation: stray
      ? "answered-by-another"
      : elsewhere?.established
        ? "answer-lost"
        : isForeign
          ? "other-server"
          : null,
    alternatives: [
      ...mayBeAdvertised(context, attempt),
      // Of a RST the other point would show where it set out; and who sends a SYN-ACK sends none.
      ...(atServer || elsewhere || stray ? [] : [LOST_RESET]),
    ],
  };
};

const LOST_RESET: Alternative = {
  cause: "data-port-rejected",
  missing: "a capture nearer to the server: a RST that is lost on the way back looks the same",
};
