import type { ChannelMode } from "../ftp/negotiation.ts";
import type { InferredNegotiation } from "./data-channel.ts";
import { ALERT_BYTES, looksPassive, type SealedWord, sealedWords } from "./sealed-word.ts";
import type { SessionFacts } from "./session-facts.ts";

/** Bytes of the shortest transfer command, `LIST`, with its line end. */
const SHORTEST_COMMAND_BYTES = 6;
/** A client that has its port dials or asks at once; one that says nothing for so long after it was dialling in vain (seconds). */
const DIALLING_SECONDS = 5;

/**
 * Bytes of the replies that grant PORT, line end included: `200 PORT command successful` (ProFTPD, Pure-FTPd), the same with a full stop
 * (FileZilla Server, IIS), and vsftpd's, which advises PASV.
 */
const PORT_REPLY_BYTES: ReadonlySet<number> = new Set([29, 30, 51]);

/**
 * From record lengths under an encrypted control connection, where no connection at all is seen. Passive: a command as long as PASV, a reply as
 * long as a 227 or 229, then silence, then the client leaves. Active: a command as long as PORT with the client's own address, a reply as long as
 * its 200, then a command that the server never answers, then the client leaves. Instead of leaving it may ask for a passive port once more (curl: EPSV,
 * then PASV) and leave then. Reported as `possible` and never more.
 *
 * Silent where the cipher's overhead is not known, where anything was dialled, where the client went on at once (the transfer worked, or the
 * capture holds no data connections), and where the capture ends in the silence.
 */
export function inferNegotiation(session: SessionFacts): InferredNegotiation | undefined {
  if (session.lostBytes || session.cutBytes || session.hidden.length === 0) return undefined;
  const words = sealedWords(session);
  if (words === undefined) return undefined;
  const replyAt = words.findLastIndex((word) => !word.fromClient && word.bytes !== ALERT_BYTES);
  const last = inferFrom(session, words, replyAt);
  const asksTwice = [replyAt, replyAt - 2].every((at) => looksPassive(words[at - 1], words[at]));
  // It waited for the one before, and had no time left for its last attempt.
  return last ?? (asksTwice ? inferFrom(session, words, replyAt - 2) : undefined);
}

/** @param replyAt which of the server's words may be the grant */
function inferFrom(
  session: SessionFacts,
  words: readonly SealedWord[],
  replyAt: number,
): InferredNegotiation | undefined {
  const reply = words[replyAt];
  const command = words[replyAt - 1];
  if (!reply || !command?.fromClient) return undefined;
  const mode = grantedMode(session, words, replyAt);
  if (mode === undefined) return undefined;
  const waits = mode === "passive" ? reply : words[replyAt + 1];
  const after = words[words.indexOf(waits) + 1];
  const leftAt = Math.min(after?.time ?? Number.POSITIVE_INFINITY, session.client.finTime || Number.POSITIVE_INFINITY);
  if (!Number.isFinite(leftAt) || leftAt - waits.time < DIALLING_SECONDS) return undefined;
  const dialled = session.candidates.some(({ connection }) => connection.lastTime >= reply.time);
  if (dialled) return undefined;
  return {
    mode,
    commandPacket: command.packet,
    replyPacket: reply.packet,
    commandBytes: command.bytes,
    replyBytes: reply.bytes,
    waitedSeconds: leftAt - waits.time,
    grantedAt: reply.time,
  };
}

/** Whether these two words are a command as long as PORT with this client's address, and a reply as long as its 200. */
function looksActive(address: string, command: SealedWord | undefined, reply: SealedWord | undefined): boolean {
  const bytes = portCommandBytes(address);
  return (
    bytes !== undefined &&
    command?.fromClient === true &&
    command.bytes >= bytes.least &&
    command.bytes <= bytes.most &&
    reply?.fromClient === false &&
    PORT_REPLY_BYTES.has(reply.bytes)
  );
}

/** What the server's last words grant. */
function grantedMode(session: SessionFacts, words: readonly SealedWord[], replyAt: number): ChannelMode | undefined {
  const [command, reply, next] = [words[replyAt - 1], words[replyAt], words[replyAt + 1]];
  const { address } = session.client;
  if (looksPassive(command, reply)) return isTransfer(address, words, replyAt - 1) ? undefined : "passive";
  // The transfer that the server never answered, neither by 150 nor by 425; a close_notify is the client leaving.
  const asked = next?.fromClient === true && next.bytes >= SHORTEST_COMMAND_BYTES;
  return asked && looksActive(address, command, reply) ? "active" : undefined;
}

/**
 * LIST is as long as PASV, and the 150 of some servers as long as a 227. Behind a negotiation that the client went on from at once, with no transfer
 * in between (a command with two replies), it is the transfer.
 */
function isTransfer(address: string, words: readonly SealedWord[], commandAt: number): boolean {
  for (let at = commandAt - 1; at > 0; at--) {
    const [command, reply, next] = [words[at - 1], words[at], words[at + 1]];
    if (reply.fromClient) continue;
    if (!command.fromClient) return false;
    if (looksPassive(command, reply) || looksActive(address, command, reply))
      return next.time - reply.time < DIALLING_SECONDS;
  }
  return false;
}

/** Bytes of `PORT h1,h2,h3,h4,p1,p2` with this address, line end included; undefined for IPv6, which takes EPRT. */
function portCommandBytes(address: string): { readonly least: number; readonly most: number } | undefined {
  if (address.includes(":")) return undefined;
  const upToPort = "PORT ".length + address.length + ",".length;
  return { least: upToPort + "4,0\r\n".length, most: upToPort + "255,255\r\n".length };
}
