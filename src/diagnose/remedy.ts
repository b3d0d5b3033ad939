import {
  SERVER_SETTINGS,
  type ServerSetting,
  type SettingPurpose,
  settingInShort,
  settingOf,
} from "./server-settings.ts";

/** What a failure is like where the usual remedy of its cause would not fit; the cause has other words for it. */
export type Situation =
  /** The device that refuses stands nearer to the client than to the server. */
  | "client-side"
  /** The client has sent EPSV ALL, and the server agreed. */
  | "after-epsv-all"
  /** The control connection is one of IPv6, which PASV and PORT cannot name. */
  | "over-ipv6"
  /** The reply is 522: the server takes other address families (RFC 2428). */
  | "other-family"
  /** What was negotiated is active mode. */
  | "active-mode"
  /** PASV is refused as well as EPSV. */
  | "passive-refused"
  /** The control connection is in the clear. */
  | "cleartext-control"
  /** The SYN arrives, and the SYN-ACK does not. */
  | "answer-lost"
  /** Another host than the one that was dialled sends the SYN-ACK. */
  | "answered-by-another"
  /** The receiver keeps its window closed. */
  | "window-closed"
  /** Captured at the end that had to dial. */
  | "at-dialler"
  /** Another point of the network shows the SYN that is missing here. */
  | "seen-elsewhere"
  /** The same, and what is captured here may be filtered to the control port. */
  | "only-elsewhere"
  /** The server's grant names no port that can be read. */
  | "unreadable-grant"
  /** PORT or EPRT names neither end of the control connection: another server, it may be (FXP). */
  | "third-host"
  /** The same names a port below 1024. */
  | "low-port"
  /** The client told another server to dial what this one granted (FXP). */
  | "handed-on"
  /** What was dialled is another host than the one that the control connection ends at. */
  | "other-server"
  /** The client, who has to begin TLS, says nothing. */
  | "client-silent"
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

/** What to do about a cause. */
export interface Remedy {
  /** Most useful first; each line a sentence. */
  readonly remedy: readonly string[];
  /** The server setting that {@link remedyFor} adds, by product. */
  readonly setting?: SettingPurpose;
}

/** What to do about a cause, and what where it is not as usual. */
export interface Remedies extends Remedy {
  /** What to do instead, where a rule found that the usual does not fit. */
  readonly situations?: Readonly<Partial<Record<Situation, Remedy>>>;
}

// Lines that several causes have in common.
export const USE_PASSIVE = "Use passive mode: the client then opens the data connection itself.";
export const USE_EPSV = "Use EPSV where client and server allow it: its reply carries no address.";
export const EPSV_FOR_IPV6 = "On an IPv6 control connection use EPSV: PASV can only carry an IPv4 address.";
export const ONLY_EPSV = "Correct the client: after EPSV ALL it may use nothing but EPSV (RFC 2428 section 4).";
export const CORRECT_SENDER =
  "Correct the access list, packet filter or route on the router or host that sent the ICMP message.";
export const OPEN_AT_CLIENT =
  "The device that refuses stands nearer to the client than to the server: allow connections to the server's passive range there.";
export const ANSWER_LOST =
  "The SYN gets through and its answer does not: look for a firewall that sees only one direction of the connection (asymmetric route), and for a filter on the dialling host itself.";
export const THIRD_HOST =
  "PORT names a third host. If that is another server (FXP), it has to let this server in: look at its passive range, its firewall and its NAT device.";
export const THIRD_HOST_OWN =
  "If it is another address of the client's own, use passive mode: the client then opens the data connection itself.";
export const OTHER_SERVER = {
  remedy: [
    "The data connection goes to another host than the control connection. Behind a NAT device or a load balancer give each server the external address that leads to itself, for its passive range too, and have it advertise that one.",
  ],
  setting: "passive-address",
} as const satisfies Remedy;
export const FORWARD_RANGE =
  "Give the server a fixed passive range, and open it on the firewall or forward it 1:1 to the server on the NAT device.";

/** How many products a remedy names when the greeting did not tell the server's software. */
const PRODUCTS_NAMED = 5;

/**
 * The remedy lines for a cause: its own (in a situation: those for it), and the server setting as the software in the greeting spells it. Software
 * that is unknown gets the spelling of the usual products; software that we know no setting of gets none.
 */
export function remedyFor(
  cause: Remedies,
  serverSoftware: string | null,
  situation: Situation | null = null,
): string[] {
  const { remedy, setting }: Remedy = (situation && cause.situations?.[situation]) ?? cause;
  if (setting === undefined) return [...remedy];
  if (serverSoftware === null) {
    const settings: readonly ServerSetting[] = SERVER_SETTINGS[setting];
    const usual = settings.slice(0, PRODUCTS_NAMED).map((row) => `${row.product}: ${settingInShort(row)}`);
    return [...remedy, `Setting: ${usual.join("; ")}.`];
  }
  const own = settingOf(setting, serverSoftware);
  return own ? [...remedy, `Setting: ${own.product}: ${settingInShort(own)} (${own.source}).`] : [...remedy];
}
