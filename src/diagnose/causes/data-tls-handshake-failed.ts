import { formatEndpoint } from "../../address.ts";
import { packetNumberOf } from "../../capture/frame.ts";
import type { SessionFacts } from "../../correlate/session-facts.ts";
import type { ReplyEvent } from "../../ftp/control-event.ts";
import type { HalfConnection } from "../../tcp/half-connection.ts";
import { alertName } from "../../tls/alert.ts";
import type { DataRecord } from "../../tls/data-records.ts";
import { recordBlindness } from "../blind-spots.ts";
import type { Cause } from "../cause.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import { answersInClear, type DataHandshake, handshakeOf } from "../data-handshake.ts";
import { type DataProgress, isRetransmittingInVain, progressOf, SILENCE_SECONDS } from "../data-progress.ts";
import { isForged } from "../packet-origin.ts";
import { tellsOfTls } from "../reply-text.ts";
import { isSilent } from "../silence.ts";
import { vantageOf } from "../vantage.ts";
import type { Confidence, Fact, Verdict } from "../verdict.ts";
import { replyText, secondsText } from "../wording.ts";

export const cause = {
  id: "data-tls-handshake-failed",
  group: "TLS on the data connection",
  traits: [],
  title: "the TLS handshake on the data connection fails",
  meaning:
    "The data connection opens, but its TLS handshake ends in an alert, a close or silence, or one end speaks cleartext where the other speaks TLS.",
  remedy: [
    "Compare what both ends expect: PROT level, TLS versions, certificate; the alert, if one was sent, names the reason.",
    "If the handshake falls silent after the server's certificate, look for an MTU problem on the path.",
  ],
  situations: {
    "client-silent": {
      remedy: [
        "The client has to begin TLS on the data connection, in active mode too (RFC 4217), and says nothing: let it send PBSZ 0 and PROT P, if it has not.",
        "If it has, in active mode, update it or use passive mode (curl 7.88 begins no TLS there).",
      ],
    },
  },
} as const satisfies Cause;

/**
 * The data connection's TLS handshake did not come to its end: an alert, a close, silence, or cleartext where TLS was due. A large
 * certificate flight that is never acknowledged is `mtu-blackhole`, which is asked first; repetition in vain is the path's (`data-stalled`).
 */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const final = channel.transfer?.final ?? null;
  const saysSo = tellsOfTls(session, final, channel.transfer?.command);
  const progress = progressOf(channel, session);
  // No connection in the capture (filtered to the control port, say): the server's word is all there is.
  if (!progress) return saysSo && channel.connection === null ? verdict([], final, "likely") : undefined;
  const handshake = handshakeOf(progress);
  const shown = cleartextFact(progress) ?? alertFact(progress, handshake);
  if (shown) {
    const saysNothing = handshake?.clientHello === false && progress.client.bytes === 0;
    return { ...verdict([shown], final), situation: saysNothing ? "client-silent" : null };
  }
  // A device that neither end is cut it off (`data-connection-reset`).
  const { cutBy } = progress;
  if (cutBy && isForged(cutBy.reset, cutBy.half)) return undefined;
  // How a handshake ended whose records are not all in the capture only the server can tell.
  if (recordBlindness(progress)) return saysSo ? verdict([], final, "likely") : undefined;
  if (handshake && !handshake.finished) return unfinished(context, progress, handshake, saysSo);
  if (!saysSo || handshake?.hasData) return undefined;
  return verdict([nothingSealedFact(progress)], final);
};

function cleartextFact(progress: DataProgress): Fact | undefined {
  if (!answersInClear(progress)) return undefined;
  return {
    packet: progress.server.firstPayloadPacket,
    says: "the client begins TLS on the data connection, the server sends cleartext: no PROT P on its side",
  };
}

function alertFact({ client }: DataProgress, handshake: DataHandshake | undefined): Fact | undefined {
  if (!handshake?.alert) return undefined;
  const { record, fromClient } = handshake.alert;
  if (!fromClient && leavesWithoutAWord(client, record)) return undefined;
  const who = fromClient ? "client" : "server";
  return {
    packet: record.packet,
    says: `fatal alert ${alertName(record.alert)} from the ${who}${handshake.clientHello ? "" : "; the client never began TLS"}`,
  };
}

/**
 * The server complains that the client, which had said nothing, closed: one that does not want the transfer any more does (lftp's pget). One that gives up
 * after a long wait had expected the server to begin (curl 7.88 in active mode).
 */
function leavesWithoutAWord({ bytes, finPacket, finTime, synTime }: HalfConnection, { packet }: DataRecord): boolean {
  return bytes === 0 && finPacket !== 0 && finPacket < packet && finTime - synTime < SILENCE_SECONDS;
}

/** It began, and stops before both ends have finished it. */
function unfinished(
  context: ChannelContext,
  progress: DataProgress,
  handshake: DataHandshake,
  saysSo: boolean,
): Verdict | undefined {
  const { channel, session } = context;
  const { records, connection, client, server } = progress;
  const stuck = isRetransmittingInVain(client) || isRetransmittingInVain(server);
  // Repeated in vain: the path's, whatever ended it (`mtu-blackhole`, `data-stalled`).
  if (stuck && !saysSo) return undefined;
  const silent = !stuck && isSilent(context);
  if (!silent && !saysSo && isLeft(progress, session)) return undefined;
  // Under an encrypted control connection a ClientHello may find the server saying 550 and closing: only its answer, or a long wait for
  // one, shows that TLS was wanted.
  const wanted = !channel.hidden || handshake.serverHello || silent;
  if (!(connection.closed || saysSo || silent) || !wanted) return undefined;
  const fact = {
    packet: records.records.at(-1)!.packet,
    says: `${handshake.serverHello ? "the handshake stops after the server's hello" : "a ClientHello that is never answered"}; ${ending(progress, session)}`,
  };
  const final = channel.transfer?.final ?? null;
  if (connection.closed || saysSo) return verdict([fact], final);
  const judged = verdict([fact], final, "likely");
  // What would have come next may be as large as the path lets nothing pass. A server that does not even answer the hello is seen to be silent
  // where the capture is its own.
  const side = vantageOf(session).side;
  if (side === "server" && !handshake.serverHello) return judged;
  const sender = side === "client" ? "server" : side === "server" ? "client" : null;
  return {
    ...judged,
    alternatives: [
      {
        cause: "mtu-blackhole",
        missing: `a capture at ${sender ? `the ${sender}` : "either end"}: whether it repeats full-size segments`,
      },
    ],
  };
}

/**
 * The client left while the handshake went on, as one does that is stopped, or has enough of a file: it closed before the server's hello had reached it, or
 * what ended the data connection, a RST of its own too, came behind its FIN on the control connection. A long wait for that hello is another matter.
 */
function isLeft({ records, connection, client, server }: DataProgress, session: SessionFacts): boolean {
  const serverOriginates = server === connection.originator;
  const hello = records.records.find(({ fromOriginator }) => fromOriginator === serverOriginates);
  if (client.finPacket !== 0) {
    const gaveUp = client.finTime - client.lastNewPayloadTime >= SILENCE_SECONDS;
    return !gaveUp && hello !== undefined && client.finAcknowledged >= 0 && client.finAcknowledged < hello.endAt;
  }
  const resets = [client, server].map(({ resets: [first] }) => first?.packet ?? Infinity);
  const ended = Math.min(server.finPacket || Infinity, ...resets);
  const { finPacket } = session.client;
  return ended !== Infinity && finPacket !== 0 && finPacket < ended;
}

function nothingSealedFact({ connection, client, server, tls }: DataProgress): Fact {
  const bytes = client.bytes + server.bytes;
  const follows = bytes > 0 && !tls ? `what follows is no TLS (${bytes} bytes)` : "no application data follows";
  return {
    packet: connection.firstPacket,
    says: `the TCP connection to ${formatEndpoint(connection.responder)} is established; ${follows}`,
  };
}

function verdict(facts: readonly Fact[], final: ReplyEvent | null, confidence: Confidence = "certain"): Verdict {
  return {
    outcome: "failed",
    cause: "data-tls-handshake-failed",
    confidence,
    facts: final ? [...facts, { packet: final.stamp.packet, says: replyText(final) }] : facts,
  };
}

/** How the connection ended, and by whom. */
function ending({ connection, client, server }: DataProgress, { control }: SessionFacts): string {
  const ends = [
    ...[client, server].flatMap((half) => half.resets.slice(0, 1).map(({ packet }) => ({ packet, half, word: "RST" }))),
    ...[client, server]
      .filter((half) => half.finPacket !== 0)
      .map((half) => ({ packet: half.finPacket, half, word: "FIN" })),
  ].sort((a, b) => a.packet - b.packet);
  const first = ends[0];
  if (first)
    return `${first.word} from the ${first.half === client ? "client" : "server"} in packet ${packetNumberOf(first.packet)}`;
  const seconds = control.lastTime - connection.lastTime;
  return `nothing more comes after packet ${packetNumberOf(connection.lastPacket)}${seconds >= 1 ? `, for ${secondsText(seconds)} at least` : ""}, and nobody closes the connection`;
}
