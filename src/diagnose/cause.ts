/** The causes: ids are API; they appear in reports, in `explain` and in SIEM rules. */
export const CAUSE_IDS = [
  // negotiation
  "pasv-private-address",
  "pasv-unusable-address",
  "pasv-wrong-address",
  "port-private-address",
  "port-refused",
  "epsv-refused",
  "pasv-refused",
  "passive-ports-exhausted",
  "negotiation-blocked",
  "negotiation-dropped-by-helper",
  "data-not-negotiated",
  // connecting
  "data-port-filtered",
  "data-port-rejected",
  "icmp-prohibited",
  "active-inbound-blocked",
  "active-inbound-rejected",
  "syn-not-seen",
  "data-peer-mismatch",
  "data-port-translated",
  // data TLS
  "data-protection-required",
  "tls-session-reuse-required",
  "data-tls-handshake-failed",
  // transfer
  "data-connection-reset",
  "data-stalled",
  "mtu-blackhole",
  "transfer-truncated",
  // control connection
  "control-port-filtered",
  "control-port-rejected",
  "control-icmp-prohibited",
  "auth-tls-blocked",
  "auth-tls-refused",
  "login-failed",
  "control-connection-lost",
  "control-idle-timeout",
  "server-busy",
] as const;

export type CauseId = (typeof CAUSE_IDS)[number];

/** What a failure is like where the usual remedy of its cause would not fit; `CAUSE_TEXT` has other words for it. */
export type Situation =
  /** The device that refuses stands nearer to the client than to the server. */
  | "client-side"
  /** The client has sent EPSV ALL, and the server agreed. */
  | "after-epsv-all"
  /** The control connection is one of IPv6, which PASV and PORT cannot name. */
  | "over-ipv6"
  /** PASV is refused as well as EPSV. */
  | "passive-refused"
  /** The control connection is in the clear. */
  | "cleartext-control"
  /** The SYN arrives, and the SYN-ACK does not. */
  | "answer-lost"
  /** The receiver keeps its window closed. */
  | "window-closed"
  /** Captured at the end that had to dial. */
  | "at-dialler"
  /** Another point of the network shows the SYN that is missing here. */
  | "seen-elsewhere"
  /** PORT or EPRT names neither end of the control connection: another server, it may be (FXP). */
  | "third-host"
  /** The client told another server to dial what this one granted (FXP). */
  | "handed-on"
  /** What was dialled is another host than the one that the control connection ends at. */
  | "other-server"
  /** The host itself resets. */
  | "own-reset"
  /** Packets go in a circle between routers. */
  | "routing-loop"
  /** The server closes instead of answering. */
  | "server-closes"
  /** The server's host acknowledges, and its FTP says nothing. */
  | "server-silent"
  /** The same, since CCC. */
  | "silent-after-ccc";
