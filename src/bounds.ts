import type { AnomalyCode } from "./anomaly.ts";

/**
 * The bounds on what is believed, and on what is kept of sessions and packets, in one place: a capture is written by whoever likes to, and may be
 * as long as they like. Where a bound bites the analysis goes on without what is beyond it, and an anomaly of the code beside it counts how
 * often. `test/bounds.test.ts` makes each of them bite.
 *
 * Not here: what is counted in full and told by its first few (resets of a connection, names in a finding, rows of a table); and the small bounds
 * of single memories (holes of a stream, held TLS records, secrets, watched keys, sources of a scan), which stand in the file that keeps them.
 * Beyond those detail is lost and nobody counts it. What has no need of a bound: there is one anomaly of each code.
 */
export interface Bound {
  readonly most: number;
  /** The anomaly that counts it. */
  readonly code: AnomalyCode;
}

export const BOUNDS = {
  /** Captured bytes of a packet: libpcap's MAXIMUM_SNAPLEN, and Wireshark's limit too. */
  frameBytes: { most: 262_144, code: "record-length-invalid" },
  /** The same for link types that do not carry packets of a network. */
  otherFrameBytes: { most: 16 * 1024 * 1024, code: "record-length-invalid" },
  /** Bytes of a pcapng block, options included, that is put together in memory. */
  blockBytes: { most: 16 * 1024 * 1024, code: "block-length-invalid" },
  /** Bytes of one that is only stepped over: about Wireshark's MAX_BLOCK_SIZE. */
  skippedBlockBytes: { most: 129 * 1024 * 1024, code: "block-length-invalid" },
  /** Interfaces that a capture describes. */
  interfaces: { most: 65_536, code: "interface-limit" },

  /** IP packets inside one another: a tunnel in a tunnel is real (ERSPAN of GRE traffic), more than this is an attack. */
  nesting: { most: 4, code: "nesting-too-deep" },
  /** Tags and shims between link and network: two are usual (QinQ), more than this is an attack or a loop. */
  shims: { most: 16, code: "link-header-malformed" },
  /** Extension headers of one packet: RFC 8200 section 4.1 knows eight places. */
  extensionHeaders: { most: 16, code: "ip-header-malformed" },
  /** Datagrams whose fragments are waited for, at once. */
  fragmentTrains: { most: 256, code: "fragments-dropped" },
  /** Bytes of their buffers together. */
  fragmentBytes: { most: 4 * 1024 * 1024, code: "fragments-dropped" },
  /** Bytes of a datagram: what lengths of 16 bits allow. */
  datagramBytes: { most: 65_535, code: "fragment-oversize" },

  /** Out-of-order bytes held for one direction of a control connection; beyond it the hole before them is given up as lost. */
  outOfOrderBytes: { most: 65_536, code: "out-of-order-over-limit" },
  /** Out-of-order segments, likewise. */
  outOfOrderSegments: { most: 64, code: "out-of-order-over-limit" },

  /** Bytes of a line, and so of a path too: paths are reported as said and never put together from what CWD was given. */
  lineBytes: { most: 8 * 1024, code: "ftp-line-too-long" },
  /** Lines of a reply that are kept. */
  replyLines: { most: 64, code: "ftp-reply-too-long" },
  /** Characters of them. */
  replyCharacters: { most: 8 * 1024, code: "ftp-reply-too-long" },

  /** SYNs that are remembered in case their connection turns out to be a control connection. */
  synMemory: { most: 65_536, code: "syn-memory-over-limit" },
  /** SYNs to control ports beyond `halfOpen` that are remembered: of 100,000 a second those of two seconds, in which a client repeats its own. */
  waitingSyns: { most: 262_144, code: "syn-memory-over-limit" },
  /** Packets of each kind that nobody knows yet, kept for as long as a capture may write them early. */
  earlyPackets: { most: 16, code: "early-packets-over-limit" },

  /** Control connections at once on which nothing was said yet. */
  halfOpen: { most: 4096, code: "control-attempts-over-limit" },
  /** Sessions followed at once. */
  sessions: { most: 100_000, code: "sessions-over-limit" },
  /** Commands of one session that wait for a reply: clients that send ahead (GridFTP's pipelining) wait for some hundred. */
  pendingCommands: { most: 4096, code: "commands-pending-over-limit" },
  /** Lines and TLS records of one session. */
  sessionEvents: { most: 200_000, code: "session-events-over-limit" },
  /** Connections that one session may be the owner of. */
  candidates: { most: 20_000, code: "data-connections-over-limit" },
  /** Of them those to hosts other than its server, of a session whose control connection cannot be read. */
  foreignCandidates: { most: 256, code: "foreign-connections-over-limit" },

  /** Servers whose sessions are compared with one another. */
  comparedServers: { most: 4096, code: "comparison-over-limit" },
  /** Clients of servers of which it is kept that a data connection came about. */
  workingClients: { most: 65_536, code: "comparison-over-limit" },
  /** Clients of servers whose failures are kept, each with its first few sessions. */
  failingClients: { most: 8192, code: "comparison-over-limit" },
  /** Those whose login was refused now and then: the oldest is forgotten. */
  refusedClients: { most: 1024, code: "comparison-over-limit" },
  /** Passive ports of servers. */
  comparedPorts: { most: 65_536, code: "comparison-over-limit" },
} as const satisfies Readonly<Record<string, Bound>>;

/**
 * What a compressed capture may expand to: beyond so many bytes, and so many times its size, it is a bomb. (Deflate ends at 1032 times; a
 * transfer of zeros comes to a few hundred.) The input counts as damaged from there on.
 */
export const EXPANSION = { bytes: 1024 * 1024 * 1024, times: 900 } as const;
