import {
  ACKED,
  DIALOGUE,
  FIRST_LENT,
  FOLLOWED,
  HIGHEST,
  HIGHEST_TTL,
  IS_TOUCHED,
  LARGER_END,
  LARGER_LENGTH,
  LARGEST_ACKED,
  LAST_HALF,
  LAST_IP_ID,
  LAST_NANOSECONDS,
  LAST_NEW_PAYLOAD_PACKET,
  LAST_NEW_PAYLOAD_TIME,
  LAST_PACKET,
  LAST_SECONDS,
  LENT_BYTES,
  LENT_IP_VERSION,
  LENT_PORTS,
  LOWEST_TTL,
  MAX_LENT,
  NEXT_SEQUENCE,
  ORIGINATOR_ADDRESS,
  ORIGINATOR_HALF,
  PACKETS,
  PAYLOAD_PACKETS,
  RESPONDER_ADDRESS,
  RESPONDER_HALF,
  SALT,
  STANDS_AT,
  STANDS_PACKET,
  TOUCHED_COUNT,
  UNWANTED_TO,
  WINDOW,
} from "../prefilter/layout.ts";
import type { LentTables, PrefilterTables } from "../prefilter/prefilter.ts";
import type { Connection } from "./connection.ts";
import type { HalfConnection } from "./half-connection.ts";
import { ANY_POINT } from "./vantage-points.ts";

/** A connection that came back so often with nothing counted is lent more seldom: its packets do not come through a prefilter. */
const VAIN_LOANS = 8;
/** Once in so many of its packets. */
const SELDOM = 32;

/**
 * Connections lent to the prefilter, which counts their ordinary segments itself (`carryOn` in `assembly/prefilter.ts`): bulk data comes here only
 * where something else happens, and so does what is said on a control connection before it negotiates a port, which the prefilter adds to what waits to
 * be read. What it counted is put into a connection before a further packet of it is, and into all by {@link catchUp}, before anybody else looks at them.
 */
export class LentConnections {
  readonly #tables: LentTables | null;
  readonly #shared: Uint32Array;
  readonly #buckets: Uint16Array;
  /** By place. */
  readonly #connections: (Connection | null)[] = [];
  readonly #free: number[] = [];

  constructor({ lent, shared, buckets }: PrefilterTables) {
    this.#tables = lent;
    this.#shared = shared;
    this.#buckets = buckets;
  }

  /** Lends a connection, if nothing but its ordinary segments is expected and there is a place. Its last packet was an ordinary one. */
  lend(connection: Connection): void {
    const tables = this.#tables;
    if (tables === null) return;
    if (connection.vainLoans >= VAIN_LOANS && connection.packets % SELDOM !== 0) return;
    const { originator, responder, role, reassembler } = connection;
    if (connection.point !== ANY_POINT || connection.guessed) return;
    // Of a control connection every segment is looked at once its words are read as they come, also when its streams are read no more.
    const appendAt = reassembler === null ? 0 : reassembler.appendAt;
    if (role === "control" && appendAt === 0) return;
    // The first payload comes here whatever is lent.
    if (originator.payloadPackets + responder.payloadPackets === 0) return;
    if (!isQuiet(originator) || !isQuiet(responder)) return;
    if (connection.lentAt < 0) {
      if (this.#free.length === 0 && this.#connections.length >= MAX_LENT) return;
      connection.lentAt = this.#free.pop() ?? this.#connections.length;
      this.#connections[connection.lentAt] = connection;
      this.#writeEnds(tables, connection);
    }
    const at = connection.lentAt * LENT_BYTES;
    const { tap } = connection;
    tables.words[(at + DIALOGUE) >> 2] = appendAt;
    writeHalf(tables, at + ORIGINATOR_HALF, originator, tap === null ? Number.POSITIVE_INFINITY : tap.unwantedTo(true));
    writeHalf(tables, at + RESPONDER_HALF, responder, tap === null ? Number.POSITIVE_INFINITY : tap.unwantedTo(false));
    this.follow(connection.bucket);
    this.#buckets[connection.bucket] = connection.lentAt + FIRST_LENT;
  }

  /** A connection of this bucket is followed. One that is lent, of which there is one in a bucket, is so no more. */
  follow(bucket: number): void {
    const use = this.#buckets[bucket];
    if (use >= FIRST_LENT) this.takeBack(this.#connections[use - FIRST_LENT]!);
    this.#buckets[bucket] = FOLLOWED;
  }

  /** From now on all its packets come here; those that were counted are in it. */
  takeBack(connection: Connection): void {
    if (connection.lentAt < 0 || this.#buckets[connection.bucket] !== connection.lentAt + FIRST_LENT) return;
    this.#buckets[connection.bucket] = FOLLOWED;
    this.#read(connection.lentAt);
    connection.vainLoans++;
    connection.reassembler?.catchUp();
  }

  /** It is followed no more. */
  release(connection: Connection): void {
    if (connection.lentAt < 0) return;
    this.takeBack(connection);
    this.#connections[connection.lentAt] = null;
    this.#free.push(connection.lentAt);
    connection.lentAt = -1;
  }

  /** Puts into the connections what was counted of them. */
  catchUp(): void {
    const count = this.#shared[TOUCHED_COUNT];
    if (count === 0) return;
    const { touched, words } = this.#tables!;
    for (let i = 0; i < count; i++) {
      words[(touched[i] * LENT_BYTES + IS_TOUCHED) >> 2] = 0;
      this.#read(touched[i]);
    }
    this.#shared[TOUCHED_COUNT] = 0;
  }

  /** Puts into the connection at a place what was counted of it since it was read last. */
  #read(place: number): void {
    const { words, doubles } = this.#tables!;
    const at = place * LENT_BYTES;
    const counted = words[(at + ORIGINATOR_HALF + PACKETS) >> 2] + words[(at + RESPONDER_HALF + PACKETS) >> 2];
    if (counted === 0) return;
    const connection = this.#connections[place]!;
    connection.vainLoans = 0;
    connection.packets += counted;
    readHalf(words, doubles, at + ORIGINATOR_HALF, connection.originator);
    readHalf(words, doubles, at + RESPONDER_HALF, connection.responder);
    const isOriginator = words[(at + LAST_HALF) >> 2] === ORIGINATOR_HALF;
    const { lastPacket, lastSeconds, lastNanoseconds } = isOriginator ? connection.originator : connection.responder;
    connection.lastPacket = lastPacket;
    connection.lastSeconds = lastSeconds;
    connection.lastNanoseconds = lastNanoseconds;
  }

  #writeEnds({ words, bytes }: LentTables, connection: Connection): void {
    const { lentAt, ipVersion, originator, responder, addressKeyA, addressKeyB, addressBytes } = connection;
    const at = lentAt * LENT_BYTES;
    if (addressBytes === null) {
      words[(at + ORIGINATOR_ADDRESS) >> 2] = addressKeyA;
      words[(at + RESPONDER_ADDRESS) >> 2] = addressKeyB;
    } else bytes.set(addressBytes, at + ORIGINATOR_ADDRESS);
    words[(at + LENT_PORTS) >> 2] = (originator.port << 16) | responder.port;
    words[(at + LENT_IP_VERSION) >> 2] = ipVersion;
    words[(at + SALT) >> 2] = connection.salt;
  }
}

/**
 * Whether nothing is under way of which an ordinary segment would change more than the prefilter knows. (An end that was never heard has no TTL that
 * fits, so its first packet comes here.)
 */
function isQuiet(half: HalfConnection): boolean {
  return half.finAt < 0 && half.zeroWindowTime === 0 && half.stalledRetransmissions === 0;
}

/** What is counted since it was read last is 0 between two readings. */
function writeHalf({ words, doubles }: LentTables, at: number, half: HalfConnection, unwantedTo: number): void {
  const word = at >> 2;
  const double = at >> 3;
  doubles[double + (HIGHEST >> 3)] = half.highest;
  doubles[double + (ACKED >> 3)] = half.acked;
  // The first payload is noted as such.
  doubles[double + (UNWANTED_TO >> 3)] = half.firstPayloadPacket === 0 ? Number.NEGATIVE_INFINITY : unwantedTo;
  doubles[double + (LARGER_END >> 3)] = half.largerEnd;
  doubles[double + (STANDS_AT >> 3)] = half.standsAt;
  doubles[double + (STANDS_PACKET >> 3)] = half.standsPacket;
  words[word + (NEXT_SEQUENCE >> 2)] = half.base + half.highest;
  words[word + (LOWEST_TTL >> 2)] = half.lowestTtl;
  words[word + (HIGHEST_TTL >> 2)] = half.highestTtl;
  words[word + (LARGEST_ACKED >> 2)] = half.largestAcked;
  words[word + (LARGER_LENGTH >> 2)] = half.largerLength;
}

function readHalf(words: Uint32Array, doubles: Float64Array, at: number, half: HalfConnection): void {
  const word = at >> 2;
  const double = at >> 3;
  half.acked = doubles[double + (ACKED >> 3)];
  half.largestAcked = words[word + (LARGEST_ACKED >> 2)];
  half.largerLength = words[word + (LARGER_LENGTH >> 2)];
  const packets = words[word + (PACKETS >> 2)];
  if (packets === 0) return;
  words[word + (PACKETS >> 2)] = 0;
  half.packets += packets;
  half.lastPacket = doubles[double + (LAST_PACKET >> 3)];
  half.lastSeconds = words[word + (LAST_SECONDS >> 2)];
  half.lastNanoseconds = words[word + (LAST_NANOSECONDS >> 2)];
  half.lastIpId = words[word + (LAST_IP_ID >> 2)] | 0;
  half.window = words[word + (WINDOW >> 2)];
  half.stands(doubles[double + (STANDS_AT >> 3)], doubles[double + (STANDS_PACKET >> 3)]);
  const payloadPackets = words[word + (PAYLOAD_PACKETS >> 2)];
  if (payloadPackets === 0) return;
  words[word + (PAYLOAD_PACKETS >> 2)] = 0;
  const highest = doubles[double + (HIGHEST >> 3)];
  half.payloadPackets += payloadPackets;
  half.bytes += highest - half.highest;
  half.highest = highest;
  half.largerEnd = doubles[double + (LARGER_END >> 3)];
  half.lastNewPayloadPacket = doubles[double + (LAST_NEW_PAYLOAD_PACKET >> 3)];
  half.lastNewPayloadTime = doubles[double + (LAST_NEW_PAYLOAD_TIME >> 3)];
}
