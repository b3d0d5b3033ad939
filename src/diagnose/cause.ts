/** The causes of CAUSES: ids are API; they appear in reports, in `explain` and in SIEM rules. */
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

/** Circumstances that help a cause along and never stand alone. */
export const CONTRIBUTING_IDS = ["control-encrypted", "helper-absent", "client-obeys-private-address"] as const;

export type ContributingCauseId = (typeof CONTRIBUTING_IDS)[number];

/** Limits of the capture: each caps what may be claimed. */
export const LIMIT_IDS = [
  "snaplen-cut",
  "control-gap",
  "data-gap",
  "midstream",
  "one-sided",
  "capture-filtered",
  "capture-ends",
  "duplicates",
  "checksum-offload",
  "clock-step",
  "truncated-file",
] as const;

export type LimitId = (typeof LIMIT_IDS)[number];

/** What only several sessions together show, or attempts that are no sessions. */
export const FINDING_IDS = [
  "passive-range",
  "blocked-port",
  "ports-exhausted",
  "blind-helper",
  "client-network",
  "epsv-fallback",
  "brute-force",
  "scan",
  "syn-flood",
] as const;

export type FindingId = (typeof FINDING_IDS)[number];
