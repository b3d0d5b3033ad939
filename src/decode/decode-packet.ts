import type { AnomalyLog } from "../anomaly.ts";
import { BOUNDS } from "../bounds.ts";
import { type Frame, packetReference } from "../capture/frame.ts";
import { ETHERTYPE_PLACES } from "../prefilter/ethertype-place.ts";
import { wrongChecksum } from "./checksum.ts";
import { FragmentTable } from "./fragments.ts";
import { readIcmpv4, readIcmpv6 } from "./icmp.ts";
import { IpProtocol, readIpv4, readIpv6, skipExtensionHeaders } from "./ip.ts";
import { emptyLayerCursor, Stop } from "./layer-cursor.ts";
import { EtherType, isNetlink, linkDecoder, readEtherType } from "./link.ts";
import { PacketKind, type PacketView } from "./packet-view.ts";
import { readTcp } from "./tcp.ts";
import { isTunnelPort, readGre, readL2tpSession, readUdpTunnel } from "./tunnel.ts";

/**
 * From a frame to a PacketView. Only this file knows the order of layers:
 *
 *     link ─▶ IPv4 / IPv6 ─▶ TCP │ ICMP error
 *               ▲   │ fragments ⟲
 *               └───┴ IP in IP, GRE, VXLAN, Geneve, GTP-U, L2TP (the innermost packet counts)
 *
 * Nearly every packet is TCP in IP in Ethernet or Linux cooked. That order has a route of its own, on offsets alone:
 *
 *     Ethernet   destination 6 · source 6 · EtherType 2 [· VLAN 2 · EtherType 2]
 *     IPv4       version, IHL 1 · TOS 1 · total length 2 · identification 2 · flags, fragment offset 2
 *                TTL 1 · protocol 1 · checksum 2 · source 4 · destination 4
 *     IPv6       version, class, label 4 · payload length 2 · next header 1 · hop limit 1 · source 16 · destination 16
 *     TCP        source port 2 · destination port 2 · sequence 4 · acknowledgment 4
 *                data offset 1 · flags 1 · window 2 · checksum 2 · urgent 2 · options, payload
 *
 * Whatever is odd there (options in IPv4, a fragment, a cut header, …) starts again on the general route, where the files of
 * the layers read one header each. Most of what nobody follows does not come here at all (`prefilter/`).
 */

const maxNesting = BOUNDS.nesting.most;

const MAX_FAST_LINK = Math.max(...ETHERTYPE_PLACES.map(({ linkType }) => linkType));
const typeAtOf = new Uint8Array(MAX_FAST_LINK + 1);
/** 0: not a link type of the fast route. */
const ipAtOf = new Uint8Array(MAX_FAST_LINK + 1);
/** 0: not a Linux cooked header. */
const arphrdAtOf = new Uint8Array(MAX_FAST_LINK + 1);
for (const { linkType, typeAt, ipAt, arphrdAt } of ETHERTYPE_PLACES) {
  arphrdAtOf[linkType] = arphrdAt;
  typeAtOf[linkType] = typeAt;
  ipAtOf[linkType] = ipAt;
}
const VLAN = 0x8100;
/** The shortest IP and TCP headers: what is shorter takes the general route. */
const MIN_IPV4_AND_TCP = 20 + 20;
const MIN_IPV6_AND_TCP = 40 + 20;

/** What is no kind: the general route has to find it. */
const NOT_FAST = -1;

/**
 * So many packets are decoded layer by layer first, whatever they are: code that meets the first packet which has to be when it has been optimized
 * without one is discarded.
 */
const LAYERED_PACKETS = 32;

/** Decodes packets one by one. */
export class PacketDecoder {
  readonly #anomalies: AnomalyLog;
  readonly #fragments: FragmentTable;
  readonly #cursor = emptyLayerCursor();
  readonly #verifyChecksums: boolean;
  /** How many are still to be decoded layer by layer. */
  #layeredPackets = LAYERED_PACKETS;

  /**
   * @param anomalies where malformed, cut and dropped packets are noted
   * @param options.verifyChecksums leaves out TCP packets whose IP or TCP checksum is wrong, as the receiving host did
   */
  constructor(anomalies: AnomalyLog, { verifyChecksums = false }: { readonly verifyChecksums?: boolean } = {}) {
    this.#anomalies = anomalies;
    this.#verifyChecksums = verifyChecksums;
    this.#fragments = new FragmentTable(anomalies);
  }

  /**
   * Decodes one frame into `view`, whose bytes stay the frame's (or a reassembly buffer's) and are valid until the next call.
   * Never throws and never reads outside the frame; what is malformed is noted as an anomaly.
   * @param captureIndex of the capture that the frame comes from, for `view.packet`
   * @returns a PacketKind; for `other` the content of the view is undefined
   */
  decode(frame: Frame, captureIndex: number, view: PacketView): number {
    if (this.#verifyChecksums) return this.#decodeVerified(frame, captureIndex, view);
    const kind = this.#layeredPackets === 0 ? this.#decodeFast(frame, captureIndex, view) : NOT_FAST;
    if (kind !== NOT_FAST) return kind;
    if (this.#layeredPackets > 0) this.#layeredPackets--;
    return this.#decodeLayers(frame, captureIndex, view);
  }

  #decodeFast(frame: Frame, captureIndex: number, view: PacketView): number {
    const { bytes, start, linkType } = frame;
    const linkLength = linkType <= MAX_FAST_LINK ? ipAtOf[linkType] : 0;
    const end = start + frame.capturedLength;
    let ip = start + linkLength;
    if (linkLength === 0 || frame.fcsLength !== 0 || end - ip < MIN_IPV4_AND_TCP) return NOT_FAST;
    const arphrdAt = arphrdAtOf[linkType];
    if (arphrdAt !== 0 && isNetlink(bytes, start + arphrdAt)) return PacketKind.other;
    const typeAt = start + typeAtOf[linkType];
    let etherType = (bytes[typeAt] << 8) | bytes[typeAt + 1];
    if (etherType === VLAN) {
      etherType = (bytes[ip + 2] << 8) | bytes[ip + 3];
      ip += 4;
    }
    const isIpv4 = etherType === EtherType.ipv4;
    if (isIpv4) {
      if (bytes[ip] !== 0x45 || ((bytes[ip + 6] & 0x3f) | bytes[ip + 7]) !== 0 || end - ip < MIN_IPV4_AND_TCP)
        return NOT_FAST;
    } else if (etherType !== EtherType.ipv6 || bytes[ip] >> 4 !== 6 || end - ip < MIN_IPV6_AND_TCP) return NOT_FAST;
    const protocol = bytes[isIpv4 ? ip + 9 : ip + 6];
    const tcp = isIpv4 ? ip + 20 : ip + 40;
    const destinationPort = (bytes[tcp + 2] << 8) | bytes[tcp + 3];
    const lengthField = isIpv4 ? (bytes[ip + 2] << 8) | bytes[ip + 3] : (bytes[ip + 4] << 8) | bytes[ip + 5];
    const ipLength = isIpv4 || lengthField === 0 ? lengthField : 40 + lengthField;
    if (ipLength < 20) return NOT_FAST;
    if (protocol !== IpProtocol.tcp) {
      return protocol === IpProtocol.udp && !isTunnelPort(destinationPort) ? PacketKind.other : NOT_FAST;
    }
    const headerLength = (bytes[tcp + 12] >> 4) << 2;
    const payloadAt = tcp + headerLength;
    const payloadLength = ip + ipLength - payloadAt;
    const present = end - payloadAt;
    if (headerLength < 20 || payloadLength < 0 || present < 0) return NOT_FAST;

    const sourcePort = (bytes[tcp] << 8) | bytes[tcp + 1];
    const flags = bytes[tcp + 13];
    const payloadCaptured = Math.min(payloadLength, present);
    // Numbers beyond 31 bits are worked out here: as results of calls they would be allocated.
    if (view.bytes !== bytes) view.bytes = bytes;
    view.packet = captureIndex * 2 ** 32 + frame.packetNumber;
    view.seconds = frame.seconds;
    view.nanoseconds = frame.nanoseconds;
    if (isIpv4) {
      view.ipVersion = 4;
      view.sourceAt = ip + 12;
      view.destinationAt = ip + 16;
      view.ttl = bytes[ip + 8];
      view.ipId = (bytes[ip + 4] << 8) | bytes[ip + 5];
    } else {
      view.ipVersion = 6;
      view.sourceAt = ip + 8;
      view.destinationAt = ip + 24;
      view.ttl = bytes[ip + 7];
      view.ipId = -1;
    }
    view.ipLength = ipLength;
    view.sourcePort = sourcePort;
    view.destinationPort = destinationPort;
    view.sequence = ((bytes[tcp + 4] << 24) | (bytes[tcp + 5] << 16) | (bytes[tcp + 6] << 8) | bytes[tcp + 7]) >>> 0;
    view.acknowledgment =
      ((bytes[tcp + 8] << 24) | (bytes[tcp + 9] << 16) | (bytes[tcp + 10] << 8) | bytes[tcp + 11]) >>> 0;
    view.flags = flags;
    view.window = (bytes[tcp + 14] << 8) | bytes[tcp + 15];
    view.optionsAt = tcp + 20;
    view.optionsLength = headerLength - 20;
    view.payloadAt = payloadAt;
    view.payloadLength = payloadLength;
    view.payloadCaptured = payloadCaptured;
    return PacketKind.tcp;
  }

  /** Notes the fragments that still wait for others: the captures have ended. */
  finish(): void {
    this.#fragments.finish();
  }

  #decodeVerified(frame: Frame, captureIndex: number, view: PacketView): number {
    const kind = this.#decodeLayers(frame, captureIndex, view);
    const wrong = kind === PacketKind.tcp ? wrongChecksum(view) : null;
    if (wrong === null) return kind;
    const detail = `the ${wrong === "ip" ? "IP" : "TCP"} checksum is wrong; such packets are left out`;
    this.#anomalies.note(`${wrong}-checksum-wrong`, wrong, view.packet, detail);
    return PacketKind.other;
  }

  #decodeLayers(frame: Frame, captureIndex: number, view: PacketView): number {
    const readLink = linkDecoder(frame.linkType);
    if (readLink === undefined) return PacketKind.other;
    view.packet = packetReference(captureIndex, frame.packetNumber);
    view.seconds = frame.seconds;
    view.nanoseconds = frame.nanoseconds;
    const cursor = this.#cursor;
    cursor.bytes = frame.bytes;
    cursor.at = frame.start;
    // A frame check sequence is the last that was sent, so the snaplen cuts it first.
    cursor.sentEnd = frame.start + Math.max(frame.originalLength, frame.capturedLength) - frame.fcsLength;
    cursor.end = Math.min(frame.start + frame.capturedLength, cursor.sentEnd);

    let etherType = readLink(cursor);
    for (let nesting = 1; ; nesting++) {
      if (etherType !== EtherType.ipv4 && etherType !== EtherType.ipv6)
        return etherType < 0 ? this.#stop("link", etherType, frame, view) : PacketKind.other;
      if (nesting > maxNesting) return this.#stopNesting(view);
      let protocol = etherType === EtherType.ipv4 ? readIpv4(cursor, view) : readIpv6(cursor, view);
      if (protocol < 0) return this.#stop("ip", protocol, frame, view);

      const isFragment = cursor.moreFragments || cursor.fragmentOffset !== 0;
      if (isFragment) {
        if (!isFollowed(protocol, view.ipVersion)) return PacketKind.other;
        protocol = this.#fragments.add(cursor, view, protocol);
        if (protocol < 0) return PacketKind.other;
      }
      // IPv6 headers that were fragmented themselves, and the one extension header that IPv4 has too.
      if ((isFragment && view.ipVersion === 6) || protocol === IpProtocol.authentication) {
        protocol = skipExtensionHeaders(cursor, protocol);
        if (protocol < 0) return this.#stop("ip", protocol, frame, view);
        if (cursor.moreFragments || cursor.fragmentOffset !== 0) return this.#stop("ip", Stop.malformed, frame, view);
      }

      switch (protocol) {
        case IpProtocol.tcp: {
          const kind = readTcp(cursor, view);
          return kind < 0 ? this.#stop("tcp", kind, frame, view) : kind;
        }
        case IpProtocol.icmpv4:
        case IpProtocol.icmpv6: {
          if ((protocol === IpProtocol.icmpv4) !== (view.ipVersion === 4)) return PacketKind.other;
          const kind = view.ipVersion === 4 ? readIcmpv4(cursor, view) : readIcmpv6(cursor, view);
          return kind < 0 ? this.#stop("icmp", kind, frame, view) : kind;
        }
        case IpProtocol.ipv4: // RFC 2003
          etherType = EtherType.ipv4;
          break;
        case IpProtocol.ipv6: // RFC 4213
          etherType = EtherType.ipv6;
          break;
        case IpProtocol.gre:
        case IpProtocol.udp:
        case IpProtocol.l2tp: {
          const inner =
            protocol === IpProtocol.gre
              ? readGre(cursor)
              : protocol === IpProtocol.udp
                ? readUdpTunnel(cursor)
                : readL2tpSession(cursor);
          if (inner < 0) return this.#stop("ip", inner, frame, view);
          etherType = readEtherType(cursor, inner);
          break;
        }
        default:
          return PacketKind.other;
      }
    }
  }

  /** Notes a header that is cut or malformed; what is merely not read is no anomaly. */
  #stop(layer: "link" | "ip" | "tcp" | "icmp", stop: number, frame: Frame, view: PacketView): number {
    if (stop === Stop.notRead) return PacketKind.other;
    const { bytes, at, end } = this.#cursor;
    const what = stop === Stop.cut ? "cut" : "malformed";
    this.#anomalies.note(`${layer}-header-${what}`, layer, view.packet, () => {
      const [origin, where] =
        bytes === frame.bytes ? [frame.start, "of the frame"] : [0, "of the reassembled datagram's buffer"];
      return `${layer} header ${what} at offset ${at - origin} ${where}, ${Math.max(0, end - at)} bytes present`;
    });
    return PacketKind.other;
  }

  #stopNesting(view: PacketView): number {
    const detail = `more than ${maxNesting} IP packets inside one another`;
    this.#anomalies.note("nesting-too-deep", "ip", view.packet, detail);
    return PacketKind.other;
  }
}

/** Whether a datagram of this protocol, put together from fragments, could hold TCP or an ICMP error. */
function isFollowed(protocol: number, ipVersion: number): boolean {
  switch (protocol) {
    case IpProtocol.tcp:
    case IpProtocol.icmpv4:
    case IpProtocol.icmpv6:
    case IpProtocol.ipv4:
    case IpProtocol.ipv6:
    case IpProtocol.gre:
    case IpProtocol.l2tp:
    case IpProtocol.authentication:
      return true;
    case IpProtocol.hopByHop:
    case IpProtocol.routing:
    case IpProtocol.destinationOptions:
    case IpProtocol.mobility:
    case IpProtocol.hostIdentity:
    case IpProtocol.shim6:
      return ipVersion === 6;
    default:
      return false;
  }
}
