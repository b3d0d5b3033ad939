import type { ChannelRule } from "../context.ts";
import { handshakeOf, progressOf } from "../data-progress.ts";
import { mayMean } from "../reply-text.ts";
import type { Fact } from "../verdict.ts";
import { replyText } from "../wording.ts";

/** TLS alert descriptions (RFC 8446 section 6) that FTP users meet. */
const ALERTS: Readonly<Record<number, string>> = {
  0: "close_notify",
  10: "unexpected_message",
  20: "bad_record_mac",
  40: "handshake_failure",
  42: "bad_certificate",
  43: "unsupported_certificate",
  44: "certificate_revoked",
  45: "certificate_expired",
  46: "certificate_unknown",
  47: "illegal_parameter",
  48: "unknown_ca",
  50: "decode_error",
  51: "decrypt_error",
  70: "protocol_version",
  71: "insufficient_security",
  80: "internal_error",
  86: "inappropriate_fallback",
  112: "unrecognized_name",
  116: "certificate_required",
};

/**
 * The data connection's TLS handshake did not come to its end: an alert, a close, silence, or cleartext where TLS was due. A large
 * certificate flight that is never acknowledged is `mtu-blackhole`, which is asked first.
 */
export const rule: ChannelRule = ({ channel, session }) => {
  const progress = progressOf(channel, session);
  if (!progress) return undefined;
  const { records, connection, client, server } = progress;
  const facts: Fact[] = [];
  const handshake = handshakeOf(progress);
  const final = channel.transfer?.final ?? null;
  const says425 = mayMean(final, "tls-failed");
  const walk = (half: typeof client) => (half === connection.originator ? records.originator : records.responder);
  if (records.clientHello !== null && walk(server).state === "cleartext" && server.bytes > 0) {
    facts.push({
      packet: server.firstPayloadPacket,
      says: "the client begins TLS on the data connection, the server sends cleartext: no PROT P on its side",
    });
  } else if (handshake?.alert) {
    const { record, fromClient } = handshake.alert;
    const description = record.alert & 0xff;
    const who = fromClient ? "client" : "server";
    facts.push({
      packet: record.packet,
      says: `fatal alert ${ALERTS[description] ?? description} from the ${who}${handshake.clientHello ? "" : "; the client never began TLS"}`,
    });
  } else if (handshake && !handshake.finished && (connection.closed || says425)) {
    facts.push({
      packet: records.records.at(-1)!.packet,
      says: handshake.serverHello
        ? "the handshake stops after the server's hello"
        : "a ClientHello that is never answered",
    });
  } else if (says425 && !handshake?.hasData) {
    facts.push({
      packet: connection.firstPacket,
      says: "the TCP connection is established; no application data follows",
    });
  } else return undefined;
  if (final) facts.push({ packet: final.stamp.packet, says: replyText(final) });
  return { outcome: "failed", cause: "data-tls-handshake-failed", confidence: "certain", facts };
};
