/** SYN, SYN-ACK and the acknowledgment of that (RFC 9293 section 3.5). */
const HANDSHAKE_PACKETS = 3;

/** Whether one capture shows TCP that belongs to no control connection. */
export class OtherTraffic {
  /** Segments of connections that were not followed when they came. */
  packets = 0;
  /** Control connections on odd ports, recognised by what was said, whose SYN had passed as that of any connection. */
  recognised = 0;
  /** A connection was followed as a session's data connection. */
  hasData = false;

  /**
   * A capture that is filtered to an odd control port shows handshakes of connections that nobody follows yet, and nothing else.
   * @param stepped how many further segments of connections that nobody follows the prefilter stepped over
   */
  isSeen(stepped: number): boolean {
    return this.hasData || this.packets + stepped > this.recognised * HANDSHAKE_PACKETS;
  }
}
