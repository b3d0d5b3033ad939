/**
 * What lies where in the memory that `assembly/prefilter.ts` and TypeScript share. Both import this file, so it holds nothing but integers: offsets and
 * lengths in bytes, indices in words of 32 bits. Numbers are little-endian.
 */

// The first four tables are asked for ports and pairs of bytes as they are loaded from a packet: the first byte is the lower one (`asLoaded` of `prefilter.ts`).

/** A byte for each port: one of these where a connection on it may be followed, else 0. */
export const PORTS = 0;
/** Only those between certain addresses: {@link BUCKETS} tells. */
export const SOME = 1;
export const ALL = 2;
/** A byte for each port: not 0 where UDP to it may be a tunnel. */
export const TUNNEL_PORTS = 65_536;
/** A byte for each two bytes: a payload of which the first and the second two have a bit in common is looked at. */
export const FIRST_PAIRS = 131_072;
export const SECOND_PAIRS = 196_608;
/** Two bytes for each hash of a connection, modulo their number: not 0 where a connection that is followed may have it. */
export const BUCKETS = 262_144;
export const BUCKET_COUNT = 65_536;
/** In a bucket: followed, and no connection in it is lent. Else the place of the one that is, plus {@link FIRST_LENT}. */
export const FOLLOWED = 1;
export const FIRST_LENT = 2;
/** What is the same for all captures. */
export const SHARED = 393_216;
/** A bit for each host hash, the lowest of a byte first: 1 where an end of a session has it. They are few enough for the first-level cache. */
export const SESSION_ENDS = 393_472;
/** Counters of SYNs in the current second, two bytes each, by host and by endpoint; two that share one only make a flood of both. */
export const RATE_COUNTERS = 4096;
export const ORIGINATOR_RATE = 401_664;
export const RESPONDER_RATE = 409_856;
/** The SYNs that are remembered, a power of two. */
export const SYNS = 483_584;
export const MAX_SYNS = 65_536;
export const SYN_BYTES = 32;
/** A byte for each of them, of its hash; 0: there is none. Where it differs the SYN is another one, and its entry, which is in no cache, need not be waited for. */
export const SYN_TAGS = 418_048;
/** Packets of followed connections that are remembered, a power of two: two words of signature each, and a time as a double. */
export const COPY_SIGNATURES = 2_580_736;
export const COPY_TIMES = 2_711_808;
export const COPY_ENTRIES = 16_384;
export const COPY_MILLISECONDS = 100;
/** Connections that are lent: the prefilter counts their ordinary segments itself. */
export const LENT = 2_842_880;
export const MAX_LENT = 4096;
export const LENT_BYTES = 296;
/** Two bytes each: the places of those of which something was counted. */
export const TOUCHED = 4_055_296;
/** For each of the captures that are open at once: a chunk, and what is known of the capture. */
export const ROOMS = 4_067_328;
export const MAX_ROOMS = 16;
/** What fits the second-level cache: each chunk costs a call of the system and a record that straddles two. */
export const ROOM_BYTES = 1_048_576;
export const STATE_BYTES = 512;
/** Blocks of what sessions have said that nobody had to read yet; `ftp/deferred-dialogue.ts` tells what stands in them. */
export const DIALOGUES = 20_852_736;
export const DIALOGUE_BLOCKS = 8192;
export const DIALOGUE_BLOCK_BYTES = 512;
/** All of it, in WebAssembly's pages of 64 KiB. It is never grown: that would take it away from whoever has views on it. */
export const PAGES = 383;

// Words of SHARED.

/** The second in which SYNs were counted last. */
export const RATE_SECOND = 0;
/** Not 0: SYNs of a flood were not remembered. */
export const WAS_FLOODED = 1;
/** More SYNs a second, from one host or to one endpoint, are a flood. */
export const FLOOD_SYNS = 2;
/** Not 0: a SYN of a capture other than the first was seen; from then on SYNs are remembered by capture as well. */
export const SEVERAL_CAPTURES = 3;
/** A packet behind this second, or from this nanosecond of any second on, is not stepped over: something is due. */
export const TICK_SECONDS = 4;
export const TICK_NANOSECONDS = 5;
/** How many places stand in {@link TOUCHED}. */
export const TOUCHED_COUNT = 6;
/** The words by which a line negotiates a port: of the client's its first four letters, in capitals, of the server's its code; 0 where there are fewer. */
export const ACTIVE_WORDS = 7;
export const PASSIVE_CODES = 11;
export const MAX_NEGOTIATIONS = 4;
export const SHARED_WORDS = 15;

// Bytes of a block of dialogue, and of one of its records.

/** How many of its bytes are used × 1, and how many lines have been kept of the session by then × 2¹⁶. */
export const BLOCK_USED = 4;
export const BLOCK_HEADER = 8;
export const RECORD_TIME = 0;
export const RECORD_PACKET = 8;
export const RECORD_ACKNOWLEDGED = 16;
/** Length of the text, 2¹⁶ where the client said it, TTL × 2²⁴. */
export const RECORD_LENGTH = 20;
export const OF_CLIENT = 65_536;
export const RECORD_HEADER = 24;
/**
 * Lines of one session: fewer than a reply may have, so that no limit on replies (`BOUNDS.replyLines`) can bite later than it would have. A session
 * that says more will go on for a while, and is read as it comes.
 */
export const MAX_DEFERRED_LINES = 60;

// Bytes of a lent connection. Addresses of IPv4 are a word, those of IPv6 as in a packet.

export const ORIGINATOR_ADDRESS = 0;
export const RESPONDER_ADDRESS = 16;
/** The originator's × 2¹⁶, and the responder's. */
export const LENT_PORTS = 32;
export const LENT_IP_VERSION = 36;
/** Tells its packets from others where copies are looked for. */
export const SALT = 40;
/** Not 0: it stands in {@link TOUCHED}. */
export const IS_TOUCHED = 44;
/** Where the half begins whose packet came last. */
export const LAST_HALF = 48;
/** Of a control connection: where the block lies to which what is said is appended. 0: a data connection. */
export const DIALOGUE = 52;
export const ORIGINATOR_HALF = 56;
export const RESPONDER_HALF = 176;

// Bytes of one of its halves, named as in `tcp/half-connection.ts`; first doubles.

export const HIGHEST = 0;
export const ACKED = 8;
/** Stream offset up to which nobody wants to see the payload. */
export const UNWANTED_TO = 16;
export const LARGER_END = 24;
export const LAST_PACKET = 32;
export const LAST_NEW_PAYLOAD_PACKET = 40;
export const LAST_NEW_PAYLOAD_TIME = 48;
/** These two of control connections only. */
export const STANDS_AT = 56;
export const STANDS_PACKET = 64;
/** Sequence number of the highest offset. */
export const NEXT_SEQUENCE = 72;
/** Counted since it was read last. */
export const PACKETS = 76;
export const PAYLOAD_PACKETS = 80;
export const LAST_SECONDS = 84;
export const LAST_NANOSECONDS = 88;
export const LAST_IP_ID = 92;
export const LOWEST_TTL = 96;
export const HIGHEST_TTL = 100;
export const WINDOW = 104;
export const LARGEST_ACKED = 108;
export const LARGER_LENGTH = 112;

// Words of what is known of a capture.

/** One of these formats; of 0 nothing is stepped over. */
export const FORMAT = 0;
export const PCAP = 1;
export const PCAPNG = 2;
/** Not 0: the numbers in its headers are big-endian. */
export const BIG_ENDIAN = 1;
/** Bytes of a record header of classic pcap. */
export const HEADER_LENGTH = 2;
/** Largest captured length of a packet that is stepped over. */
export const MAX_LENGTH = 3;
/** Index of the capture in the report. */
export const CAPTURE_INDEX = 4;
/** How many packets were stepped over, and the number of the last. */
export const SKIPPED = 5;
export const PACKET_NUMBER = 6;
/** How many of them were TCP that nobody follows. */
export const OTHER_TCP_PACKETS = 7;
/** Its time, and the earliest and the latest among them. A time has two words, nanoseconds and then seconds, so that both together are in order. */
export const TIME = 8;
export const FIRST_TIME = 10;
export const LAST_TIME = 12;
/** Packets from this time on are not stepped over: another capture's comes first. */
export const UNTIL = 14;
/** The interfaces with the lowest ids; classic pcap has one. */
export const INTERFACES = 16;
export const MAX_INTERFACES = 16;
export const INTERFACE_WORDS = 4;

// Words of an interface.

/** Offsets in a frame: of the IP header, of the EtherType × 2⁸ and of ARPHRD_ × 2¹⁶, if there is one. 0: its packets are not stepped over. */
export const LINK = 0;
export const TICKS_PER_SECOND = 1;
export const NANOSECONDS_PER_TICK = 2;
