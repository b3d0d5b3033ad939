import type { AnomalyLayer, AnomalyLog } from "../anomaly.ts";
import { type Frame, packetReference } from "../capture/frame.ts";
import { LIMITS } from "../limits.ts";
import { wrongChecksum } from "./checksum.ts";
import { FragmentTable } from "./fragments.ts";
import { readIcmpv4, readIcmpv6 } from "./icmp.ts";
import { IpProtocol, readIpv4, readIpv6, skipExtensionHeaders } from "./ip.ts";
import { emptyLayerCursor, Stop } from "./layer-cursor.ts";
import { EtherType, linkDecoder, readEtherType } from "./link.ts";
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
 * Nearly every packet is TCP in IPv4 in Ethernet. That order has a route of its own, with every offset a sum of constants:
 *
 *     0  Ethernet   destination 6 · source 6 · EtherType 2
 *    14  IPv4       version, IHL 1 · TOS 1 · total length 2 · identification 2 · flags, fragment offset 2
 *                   TTL 1 · protocol 1 · checksum 2 · source 4 · destination 4
 *    34  TCP        source port 2 · destination port 2 · sequence 4 · acknowledgment 4
 *                   data offset 1 · flags 1 · window 2 · checksum 2 · urgent 2
 *    54  options, payload
 *
 * Whatever is odd there (options in IPv4, a fragment, a cut header, …) starts again on the general route, where the files of
 * the layers read one header each.
 */

const maxNesting = LIMITS.nesting.most;

/** What the fast route is for: Ethernet, IPv4 without options, the fixed part of a TCP header. */
const ethernetAndIpv4Length = 34;
const fastHeadersLength = 54;

/** Decodes packets one by one. */
export class PacketDecoder {
  readonly #anomalies: AnomalyLog;
  readonly #fragments: FragmentTable;
  readonly #cursor = emptyLayerCursor();
  readonly #verifyChecksums: boolean;

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
    const { bytes, start, capturedLength } = frame;
    if (
      capturedLength >= fastHeadersLength &&
      frame.linkType === 1 &&
      bytes[start + 12] === 0x08 &&
      bytes[start + 13] === 0x00 &&
      bytes[start + 14] === 0x45 &&
      ((bytes[start + 20] & 0x3f) | bytes[start + 21]) === 0 &&
      frame.fcsLength === 0
    ) {
      const protocol = bytes[start + 23];
      if (protocol === IpProtocol.tcp) {
        const ipLength = (bytes[start + 16] << 8) | bytes[start + 17];
        const headersLength = ethernetAndIpv4Length + ((bytes[start + 46] >> 4) << 2);
        const payloadLength = 14 + ipLength - headersLength;
        if (headersLength >= fastHeadersLength && payloadLength >= 0 && headersLength <= capturedLength) {
          const present = capturedLength - headersLength;
          view.bytes = bytes;
          view.packet = packetReference(captureIndex, frame.packetNumber);
          view.seconds = frame.seconds;
          view.nanoseconds = frame.nanoseconds;
          view.ipVersion = 4;
          view.sourceAt = start + 26;
          view.destinationAt = start + 30;
          view.ttl = bytes[start + 22];
          view.ipId = (bytes[start + 18] << 8) | bytes[start + 19];
          view.ipLength = ipLength;
          view.sourcePort = (bytes[start + 34] << 8) | bytes[start + 35];
          view.destinationPort = (bytes[start + 36] << 8) | bytes[start + 37];
          view.sequence =
            ((bytes[start + 38] << 24) | (bytes[start + 39] << 16) | (bytes[start + 40] << 8) | bytes[start + 41]) >>>
            0;
          view.acknowledgment =
            ((bytes[start + 42] << 24) | (bytes[start + 43] << 16) | (bytes[start + 44] << 8) | bytes[start + 45]) >>>
            0;
          view.flags = bytes[start + 47];
          view.window = (bytes[start + 48] << 8) | bytes[start + 49];
          view.optionsAt = start + fastHeadersLength;
          view.optionsLength = headersLength - fastHeadersLength;
          view.payloadAt = start + headersLength;
          view.payloadLength = payloadLength;
          view.payloadCaptured = Math.min(payloadLength, present);
          return PacketKind.tcp;
        }
      } else if (protocol === IpProtocol.udp) {
        const port = (bytes[start + 36] << 8) | bytes[start + 37];
        if (!isTunnelPort(port)) return PacketKind.other;
      }
    }
    return this.#decodeLayers(frame, captureIndex, view);
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
  #stop(layer: AnomalyLayer, stop: number, frame: Frame, view: PacketView): number {
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
