import type { ChannelFacts } from "../../correlate/data-channel.ts";
import type { SessionFacts } from "../../correlate/session-facts.ts";
import { CONTENT_TYPE } from "../../tls/record.ts";
import { controlBlindness } from "../blind-spots.ts";
import type { Cause } from "../cause.ts";
import type { ChannelContext, ChannelRule } from "../context.ts";
import { handshakeOf } from "../data-handshake.ts";
import { type DataProgress, progressOf } from "../data-progress.ts";
import { oncePer } from "../once-per.ts";
import { mayMean } from "../reply-text.ts";
import { type Complaint, longWordsAfter, reuseComplaint } from "../sealed-complaint.ts";
import type { Confidence, Fact, Verdict } from "../verdict.ts";
import { replyText } from "../wording.ts";

export const cause = {
  id: "tls-session-reuse-required",
  group: "TLS on the data connection",
  traits: [],
  title: "the server demands that the data connection resumes the TLS session",
  meaning:
    "The data connection makes a new TLS session instead of resuming that of the control connection, and the server refuses it.",
  remedy: [
    "Use a client that resumes the control connection's TLS session; with TLS 1.3 tickets are used up by the first transfers in some clients, so try TLS 1.2.",
    "Or let the server do without; this gives up its protection against stolen data connections.",
  ],
  setting: "tls-session-reuse",
} as const satisfies Cause;

/** A server that ends the session over a refused data connection does it within this time of its last word (seconds). */
const AT_ONCE_SECONDS = 1;

/** The server wants the data connection to resume the control connection's TLS session (vsftpd require_ssl_reuse and others). */
export const rule: ChannelRule = (context) => {
  const { channel, session } = context;
  const reply = channel.transfer?.final ?? null;
  if (reply && mayMean(reply, "session-reuse-required", channel.transfer?.command)) {
    return {
      outcome: "failed",
      cause: "tls-session-reuse-required",
      confidence: "certain",
      facts: [{ packet: reply.stamp.packet, says: replyText(reply) }],
    };
  }
  const progress = progressOf(channel, session);
  const handshake = progress && handshakeOf(progress);
  if (!progress || !handshake?.finished || handshake.resumed || handshake.alert) return undefined;
  if (handshake.hasData) return uploadUnread(context, progress);
  // An empty listing looks the same on the data connection. Only a server that hangs up the control connection right after, unasked
  // (vsftpd), words of the very length of its complaint at every transfer, or the words above tell the two apart.
  const end = progress.records.records.at(-1)!;
  const facts = [
    {
      packet: end.packet,
      says: "full (not resumed) TLS handshake on the data connection, then no application data in either direction",
    },
  ];
  const hungUp = serverHangsUp(context, progress);
  if (hungUp !== undefined)
    return verdict("likely", [
      ...facts,
      { packet: hungUp, says: "the server closes the control connection right after, unasked" },
    ]);
  const repeated = refusedAgainAndAgain(context);
  return repeated && verdict("possible", [...facts, ...repeated]);
};

/** vsftpd takes what is uploaded off the wire before it complains; after an upload it has no other reason for so many words. */
function uploadUnread({ channel, session }: ChannelContext, progress: DataProgress): Verdict | undefined {
  if (!channel.hidden || progress.sender !== progress.client || session.software?.name !== "vsftpd") return undefined;
  const words = longWordsAfter(progress, session);
  // The answer to PASV is as long.
  if (words === null || words.askedMore) return undefined;
  return verdict("likely", [
    {
      packet: channel.connection!.connection.firstPacket,
      says: "full (not resumed) TLS handshake on the data connection, and an upload on it",
    },
    {
      packet: words.packet,
      says: `the server's last words about it have ${words.bytes} bytes; vsftpd confirms an upload with 24 (226 Transfer complete.)`,
    },
  ]);
}

function verdict(confidence: Confidence, facts: readonly Fact[]): Verdict {
  return {
    outcome: "failed",
    cause: "tls-session-reuse-required",
    confidence,
    facts,
    alternatives: [
      {
        cause: "data-tls-handshake-failed",
        missing: "the server's reply text (its log, or a decrypted control connection)",
      },
    ],
  };
}

/** One transfer like this may be anything; the server refuses them all. */
export const REFUSED_TRANSFERS = 2;

/**
 * Every data connection of the session made a full handshake, carried nothing and was closed by the server, whose next words are as long as its
 * complaint, and nothing else.
 */
function refusedAgainAndAgain({ channel, channels, index, session }: ChannelContext): Fact[] | undefined {
  if (!channel.hidden) return undefined;
  if (channels.length < REFUSED_TRANSFERS) return undefined;
  const refused = complaints(channels, session);
  const own = refused?.[index];
  return (
    own && [
      {
        packet: own.packet,
        says: `the server's next words are as long as "${own.text}"; so it went with all ${channels.length} data connections of this session`,
      },
    ]
  );
}

/** The server's complaint about each data connection of a session; null unless it complained of them all. */
const complaints = oncePer((channels: readonly ChannelFacts[], session: SessionFacts): Complaint[] | null => {
  const found: Complaint[] = [];
  for (const channel of channels) {
    const record = reuseComplaint(channel, session);
    if (record === undefined) return null;
    found.push(record);
  }
  return found;
});

/** The packet with which the server closed the control connection without a word from the client since the data connection. */
function serverHangsUp({ channel, session }: ChannelContext, data: DataProgress): number | undefined {
  const { client, server } = session;
  if (!server.closedBefore(client)) return undefined;
  // It cannot complain of a handshake that goes on: the connection is another session's, or nobody minds it.
  const fromOriginator = data.client === data.connection.originator;
  const finished = data.records.records.findLast(
    (record) => record.fromOriginator === fromOriginator && record.contentType === CONTENT_TYPE.changeCipherSpec,
  );
  if (finished && finished.time > server.finTime) return undefined;
  const since = channel.connection!.connection.firstPacket;
  // A QUIT may be missing.
  if (controlBlindness(session, "client", since) !== null) return undefined;
  const said = session.events
    .filter((event) => event.kind === "tls-record")
    .filter(({ stamp }) => stamp.packet > since);
  // The transfer command itself may follow the SYN; a QUIT comes after the transfer's last reply.
  const lastServer = said.findLast(({ direction }) => direction === "server");
  if (!lastServer || server.finTime - lastServer.stamp.time > AT_ONCE_SECONDS) return undefined;
  const dataEnd = channel.connection!.connection.lastTime;
  // What the client said before the server closed, as the FIN acknowledges it: where the clocks of the two directions differ it stands elsewhere.
  const asked = said.filter(
    ({ direction, stamp, endAt }) =>
      direction === "client" &&
      (server.finAcknowledged < 0 ? stamp.packet < server.finPacket : endAt <= server.finAcknowledged),
  );
  const quit = asked.some(({ stamp }) => stamp.time > dataEnd);
  // A QUIT sent before the data connection's last packet is the second client record since the SYN, or, of a client that dials after the transfer
  // command, comes behind words of the server.
  const answered = said.find(({ direction }) => direction === "server");
  if (quit || asked.length > 1 || (answered && asked.some(({ stamp }) => stamp.packet > answered.stamp.packet)))
    return undefined;
  return server.finPacket;
}
