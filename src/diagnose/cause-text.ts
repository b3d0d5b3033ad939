import { CAUSE_IDS, type CauseId, type Situation } from "./cause.ts";
import {
  SERVER_SETTINGS,
  type ServerSetting,
  type SettingPurpose,
  settingInShort,
  settingOf,
} from "./server-settings.ts";

/**
 * What a cause means and what to do about it, in words: apart from the rules, so that neither clutters the other. The reports,
 * `explain` and the pages under docs/causes/ all take their words from here; `satisfies` sees to it that no id is without.
 */

/** What to do about a cause. */
interface Remedy {
  /** Most useful first; each line a sentence. */
  readonly remedy: readonly string[];
  /** The server setting that {@link remedyFor} adds, by product. */
  readonly setting?: SettingPurpose;
}

const GROUP_TITLES = [
  "Negotiation",
  "Connecting",
  "TLS on the data connection",
  "Transfer",
  "Control connection",
] as const;

/** The part of the session that goes wrong. */
export type CauseGroup = (typeof GROUP_TITLES)[number];

/** What reports make of a cause besides its words. */
export type CauseTrait =
  /** It is itself a refusal in packets: a negative reply, a reset or an ICMP error in answer to what was asked. Silence is none, whoever caused it. */
  | "refusal"
  /** It blames a device between client and server, and nothing else. */
  | "device";

/** The words for one cause. */
export interface CauseText extends Remedy {
  readonly group: CauseGroup;
  readonly traits: readonly CauseTrait[];
  /** A few words that complete "PASV failed: …"; no full stop. */
  readonly title: string;
  /** One sentence: what happens in the network. */
  readonly meaning: string;
  /** What to do instead, where a rule found that the usual does not fit. */
  readonly situations?: Readonly<Partial<Record<Situation, Remedy>>>;
}

const USE_PASSIVE = "Use passive mode: the client then opens the data connection itself.";
const USE_EPSV = "Use EPSV where client and server allow it: its reply carries no address.";
const EPSV_FOR_IPV6 = "On an IPv6 control connection use EPSV: PASV can only carry an IPv4 address.";
const ONLY_EPSV = "Correct the client: after EPSV ALL it may use nothing but EPSV (RFC 2428 section 4).";
const OPEN_AT_CLIENT =
  "The device that refuses stands nearer to the client than to the server: allow connections to the server's passive range there.";
const ANSWER_LOST =
  "The SYN gets through and its answer does not: look for a firewall that sees only one direction of the connection (asymmetric route), and for a filter on the dialling host itself.";
const THIRD_HOST =
  "PORT names a third host. If that is another server (FXP), it has to let this server in: look at its passive range, its firewall and its NAT device.";
const THIRD_HOST_OWN =
  "If it is another address of the client's own, use passive mode: the client then opens the data connection itself.";
const FORWARD_RANGE =
  "Give the server a fixed passive range, and open it on the firewall or forward it 1:1 to the server on the NAT device.";

/** The words for every cause. */
export const CAUSE_TEXT = {
  "pasv-private-address": {
    group: "Negotiation",
    traits: [],
    title: "the server advertises a private address",
    meaning:
      "The reply to PASV names an address that is valid only in the server's own network, so the client's SYN goes nowhere or is never sent.",
    remedy: ["Configure the server's external address for passive mode.", USE_EPSV],
    setting: "passive-address",
  },
  "pasv-unusable-address": {
    group: "Negotiation",
    traits: [],
    title: "the server advertises an address no host can have",
    meaning:
      "The reply to PASV names 0.0.0.0, a loopback or multicast address, or port 0; nothing can be reached there from another host.",
    remedy: ["Configure the server's external address for passive mode.", EPSV_FOR_IPV6],
    setting: "passive-address",
    situations: {
      "over-ipv6": { remedy: [EPSV_FOR_IPV6] },
    },
  },
  "pasv-wrong-address": {
    group: "Negotiation",
    traits: [],
    title: "the server advertises the address of another host",
    meaning:
      "The reply to PASV names a routable address that is not the control server's, and nothing there accepts the data connection.",
    remedy: [
      "Correct the external address in the server's configuration: it may be stale (dynamic address, old DNS name) or belong to another interface.",
      USE_EPSV,
    ],
    setting: "passive-address",
  },
  "port-private-address": {
    group: "Negotiation",
    traits: [],
    title: "the client advertises a private address",
    meaning:
      "PORT or EPRT names an address that is valid only in the client's own network, so the server cannot open the data connection.",
    remedy: [
      USE_PASSIVE,
      "If active mode is needed, the NAT device of the client must run an FTP helper, and the helper must be able to read the control connection (no TLS, control port known to it).",
    ],
  },
  "port-refused": {
    group: "Negotiation",
    traits: ["refusal"],
    title: "the server refuses active mode for this address or port",
    meaning:
      "The server turns PORT or EPRT down by policy: active mode disabled, a port below 1024, or a third party's address (FTP bounce protection).",
    remedy: [
      USE_PASSIVE,
      "If active mode is wanted, allow it on the server; the client must name its own address and a port above 1023.",
    ],
    setting: "active-mode",
    situations: { "after-epsv-all": { remedy: [ONLY_EPSV] } },
  },
  "epsv-refused": {
    group: "Negotiation",
    traits: ["refusal"],
    title: "the server refuses EPSV",
    meaning:
      "The server, or an inspecting firewall in its name, answers EPSV negatively; a client that falls back to PASV loses only time.",
    remedy: [
      "Switch EPSV off in the client (curl --disable-epsv, lftp set ftp:prefer-epsv no) to save the round trip, or enable it on the server.",
    ],
    situations: {
      "passive-refused": {
        remedy: ["The server refuses PASV too: enable passive mode on it, or use active mode."],
        setting: "passive-mode",
      },
    },
  },
  "pasv-refused": {
    group: "Negotiation",
    traits: ["refusal"],
    title: "the server refuses PASV",
    meaning:
      "The server answers PASV negatively although nothing else is wrong: passive mode is disabled, or the address family does not fit.",
    remedy: ["Enable passive mode on the server."],
    setting: "passive-mode",
    situations: {
      "over-ipv6": { remedy: [EPSV_FOR_IPV6] },
      "after-epsv-all": { remedy: [ONLY_EPSV] },
    },
  },
  "passive-ports-exhausted": {
    group: "Negotiation",
    traits: ["refusal"],
    title: "the server has no passive port left",
    meaning: "All ports of the server's passive range are in use or in TIME_WAIT, so it cannot open another data port.",
    remedy: [
      "Widen the passive range: each transfer occupies a port until 2 MSL (up to 4 minutes) after its end.",
      "Open the wider range on the firewall as well.",
    ],
    setting: "passive-range",
  },
  "negotiation-blocked": {
    group: "Negotiation",
    traits: ["device"],
    title: "the negotiation is swallowed on its way",
    meaning:
      "The command that should set up the data connection, or its reply, vanishes or is answered by something else while the rest of the session lives.",
    remedy: [
      "Look for FTP inspection on the path that does not know this command, and update it or switch it off.",
      "Try the other form: PASV instead of EPSV, PORT instead of EPRT.",
    ],
  },
  "negotiation-dropped-by-helper": {
    group: "Negotiation",
    traits: ["device"],
    title: "a NAT helper drops the packet that holds the negotiation",
    meaning:
      "Exactly the segment with the 227, 229 or PORT is retransmitted and never acknowledged, while smaller lines before it got through: a helper in the path cannot parse it.",
    remedy: [
      "Switch the FTP helper off on the NAT device and open or forward a fixed passive range instead.",
      "If it must stay on: the reply has to fit one segment and keep to the form of RFC 959.",
    ],
  },
  "data-not-negotiated": {
    group: "Negotiation",
    traits: [],
    title: "a transfer command without PASV or PORT before it",
    meaning:
      "The client asks for a transfer with no negotiation in force, and the server has no data connection to use.",
    remedy: ["Correct the client: each transfer needs its own PASV, EPSV, PORT or EPRT."],
  },
  "data-port-filtered": {
    group: "Connecting",
    traits: [],
    title: "the SYN to the server's data port is never answered",
    meaning:
      "The server advertised a usable address and port, but the client's SYNs to it are dropped on their way or by the server's own firewall.",
    remedy: [FORWARD_RANGE],
    setting: "passive-range",
    situations: { "answer-lost": { remedy: [ANSWER_LOST] } },
  },
  "data-port-rejected": {
    group: "Connecting",
    traits: ["refusal"],
    title: "the SYN to the server's data port is answered by a reset",
    meaning:
      "The connection to the advertised port is refused: nothing listens there, the NAT device does not forward it, or a firewall rejects it.",
    remedy: [
      FORWARD_RANGE,
      "If the reset comes from the server itself, check that the port range forwarded is the range configured, mapped 1:1.",
    ],
    setting: "passive-range",
    situations: {
      "client-side": { remedy: [OPEN_AT_CLIENT] },
      "other-server": {
        remedy: [
          "The data connection goes to another host than the control connection. Behind a NAT device or a load balancer give each server the external address that leads to itself, for its passive range too, and have it advertise that one.",
        ],
        setting: "passive-address",
      },
    },
  },
  "icmp-prohibited": {
    group: "Connecting",
    traits: ["refusal"],
    title: "a router answers the data connection's SYN with ICMP unreachable",
    meaning: "An ICMP error quotes the data connection's SYN: a router or host on the path refuses to carry it.",
    remedy: ["Correct the access list or route on the router that sent the ICMP message.", FORWARD_RANGE],
    setting: "passive-range",
    situations: {
      "client-side": {
        remedy: ["Correct the access list or route on the router that sent the ICMP message.", OPEN_AT_CLIENT],
      },
      "routing-loop": {
        remedy: [
          "Packets to that port go in a circle between routers: follow the route (traceroute -T -p PORT) from the router that sent the ICMP message on, its NAT and policy routes too.",
        ],
      },
    },
  },
  "active-inbound-blocked": {
    group: "Connecting",
    traits: [],
    title: "the server's SYN to the client is never answered",
    meaning:
      "In active mode the server connects to the client, and a firewall or NAT device on the client's side drops its SYN.",
    remedy: [
      USE_PASSIVE,
      "If active mode is needed: allow connections from the server to the client's port range (the source port need not be 20), or use a helper that reads the control connection.",
    ],
    situations: {
      "third-host": { remedy: [THIRD_HOST, THIRD_HOST_OWN] },
      "answer-lost": { remedy: [ANSWER_LOST] },
    },
  },
  "active-inbound-rejected": {
    group: "Connecting",
    traits: ["refusal"],
    title: "the server's SYN to the client is refused",
    meaning:
      "In active mode the server connects to the client, and the client or a firewall before it answers with a reset or an ICMP error.",
    remedy: [USE_PASSIVE, "If active mode is needed: allow the server's connections on the client's firewall."],
    situations: { "third-host": { remedy: [THIRD_HOST, THIRD_HOST_OWN] } },
  },
  "syn-not-seen": {
    group: "Connecting",
    traits: [],
    title: "no SYN of the data connection is in this capture",
    meaning:
      "The data connection was negotiated and wanted, but this capture holds no SYN of it: it was never sent, was sent elsewhere, or was blocked before this point.",
    remedy: [
      "Capture at the end that should send the SYN, on all its interfaces and without a port filter, and analyse again.",
    ],
    situations: {
      "seen-elsewhere": {
        remedy: [
          "The SYN is seen at one point and not at the other: look at what stands between the two, its rules and its address translation.",
        ],
      },
      "third-host": {
        remedy: [
          "Capture at the server, which should send the SYN, or at the third host that PORT names, and analyse again.",
          THIRD_HOST,
          THIRD_HOST_OWN,
        ],
      },
      "handed-on": {
        remedy: [
          "Capture at the other server, which should send the SYN, or at this one, and analyse again.",
          "This server has to let the other one in: look at its passive range, its firewall and its NAT device, and whether it takes data connections of other hosts than its client.",
        ],
      },
      "at-dialler": {
        remedy: [
          "The capture is from the end that should have sent the SYN: look in its log why it did not dial, at its own firewall, and at its other interfaces.",
        ],
      },
    },
  },
  "data-peer-mismatch": {
    group: "Connecting",
    traits: [],
    title: "the data connection comes from another host than the control connection",
    meaning:
      "The server drops the data connection because its peer is not the control connection's client; a NAT device or load balancer uses several addresses.",
    remedy: [
      "Let control and data connections of one client leave by the same address (one SNAT address, or persistence by source address on the load balancer).",
      "Only where that is impossible, let the server accept other addresses; this gives up its protection against stolen data connections.",
    ],
    setting: "foreign-address",
  },
  "data-port-translated": {
    group: "Connecting",
    traits: [],
    title: "the data connection arrives on another port than negotiated",
    meaning:
      "A NAT device maps the passive range to other ports, so the connection does not reach the port the server opened.",
    remedy: ["Forward the passive range 1:1: the same port numbers outside and inside."],
    setting: "passive-range",
  },
  "data-protection-required": {
    group: "TLS on the data connection",
    traits: ["refusal"],
    title: "the server demands an encrypted data connection (PROT P)",
    meaning:
      "The server refuses a cleartext data connection, and the client has not asked for a protected one with PROT P.",
    remedy: [
      "Let the client send PBSZ 0 and PROT P before the transfer (often a setting named 'encrypt data channel').",
    ],
    setting: "data-protection",
    situations: {
      "cleartext-control": {
        remedy: [
          "Let the client ask for TLS (AUTH TLS) and then send PBSZ 0 and PROT P: the server does not take PROT on a cleartext control connection.",
        ],
        setting: "data-protection",
      },
    },
  },
  "tls-session-reuse-required": {
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
  },
  "data-tls-handshake-failed": {
    group: "TLS on the data connection",
    traits: [],
    title: "the TLS handshake on the data connection fails",
    meaning:
      "The data connection opens, but its TLS handshake ends in an alert, a close or silence, or one end speaks cleartext where the other speaks TLS.",
    remedy: [
      "Compare what both ends expect: PROT level, TLS versions, certificate; the alert, if one was sent, names the reason.",
      "If the handshake falls silent after the server's certificate, look for an MTU problem on the path.",
    ],
  },
  "data-connection-reset": {
    group: "Transfer",
    traits: [],
    title: "the data connection is reset during the transfer",
    meaning: "Data flowed and then a RST ended the connection before the transfer was complete.",
    remedy: [
      "Find who sent the RST: its TTL tells an end from a device between them; content inspection and per-connection limits are usual.",
    ],
    situations: {
      "own-reset": {
        remedy: [
          "By its TTL the host itself sent the RST, or a device right beside it: look in the log of the FTP program there why it gave up (a crash, a full disk, a time limit, a user who stopped).",
          "If that program knows of nothing, look for content inspection or a limit on connections near that host.",
        ],
      },
    },
  },
  "data-stalled": {
    group: "Transfer",
    traits: [],
    title: "the data connection stalls during the transfer",
    meaning:
      "The data connection was established and then nothing got through any more, or the receiver kept its window closed.",
    remedy: [
      "If packets are lost, look at the path (firewall state, link, both directions by the same route); if the window is zero, at the receiving end (disk, process).",
    ],
    situations: {
      "answer-lost": { remedy: [ANSWER_LOST] },
      "window-closed": {
        remedy: ["Look at the receiving end: a full disk, a program that hangs, or whatever it hands the data to."],
      },
    },
  },
  "mtu-blackhole": {
    group: "Transfer",
    traits: [],
    title: "full-size packets of the data connection vanish (MTU black hole)",
    meaning:
      "Small segments arrive and full-size ones never do, and no ICMP message tells the sender to make them smaller.",
    remedy: [
      "Clamp the MSS where the MTU shrinks (nftables: tcp option maxseg size set rt mtu; iptables: -j TCPMSS --clamp-mss-to-pmtu; Cisco: ip tcp adjust-mss).",
      "Let ICMP type 3 code 4 and ICMPv6 type 2 through.",
    ],
  },
  "transfer-truncated": {
    group: "Transfer",
    traits: [],
    title: "fewer bytes were transferred than announced",
    meaning:
      "The connection carried fewer bytes than the server announced, and yet the transfer ended as if it were complete.",
    remedy: [
      "Transfer the file again and compare sizes; look for a proxy or inspection on the path that ends connections early.",
    ],
  },
  "control-port-filtered": {
    group: "Control connection",
    traits: [],
    title: "the SYN to the control port is never answered",
    meaning: "The client's SYNs to the server's control port are dropped on their way or by the server's firewall.",
    remedy: ["Open the control port (21, 990 for implicit TLS) on the firewall, and check host and port."],
  },
  "control-port-rejected": {
    group: "Control connection",
    traits: ["refusal"],
    title: "the SYN to the control port is answered by a reset",
    meaning: "Nothing listens on the control port, or a firewall rejects it.",
    remedy: ["Start the FTP server, and check host and port; if the reset is a firewall's, open the port there."],
  },
  "control-icmp-prohibited": {
    group: "Control connection",
    traits: ["refusal"],
    title: "a router answers the control connection's SYN with ICMP unreachable",
    meaning: "An ICMP error quotes the control connection's SYN: a router or host on the path refuses to carry it.",
    remedy: ["Correct the access list or route on the router that sent the ICMP message."],
  },
  "auth-tls-blocked": {
    group: "Control connection",
    traits: ["device"],
    title: "something on the path ends the session at AUTH TLS",
    meaning:
      "The control connection dies or is answered by a third party as soon as TLS is asked for: an inspecting firewall does not let it become unreadable.",
    remedy: [
      "Switch strict FTP inspection off for this server on the firewall (Cisco ASA: inspect ftp without strict), or exempt it.",
      "Or use implicit TLS on port 990, with a fixed passive range.",
    ],
  },
  "auth-tls-refused": {
    group: "Control connection",
    traits: ["refusal"],
    title: "the server refuses AUTH TLS",
    meaning: "The server itself answers AUTH negatively: it has no TLS, no certificate, or does not allow it here.",
    remedy: [
      "Set up TLS on the server (certificate and key), or use the mode it offers: plain FTP, or implicit TLS on port 990.",
    ],
  },
  "login-failed": {
    group: "Control connection",
    traits: ["refusal"],
    title: "the server refuses the login",
    meaning: "The server answers PASS negatively: user, password, or a rule about who may log in from where and how.",
    remedy: ["Check user and password, and whether the server demands TLS or refuses this client's address."],
  },
  "control-connection-lost": {
    group: "Control connection",
    traits: [],
    title: "the control connection is lost",
    meaning:
      "The control connection is reset, closed by the server instead of an answer, or falls silent in the middle of the session, and nothing in the capture says why.",
    remedy: ["Capture at the other end as well: whether its packets left there decides between host and path."],
    situations: {
      "server-closes": {
        remedy: [
          "The server closes by itself instead of answering: read its log of that moment (a process that crashed, a limit, a ban).",
        ],
      },
      "server-silent": {
        remedy: [
          "The server's host is there and its FTP service says nothing: read the server's log of that moment, first for name lookups that wait (ProFTPD: UseReverseDNS off, Pure-FTPd: -H).",
          "Look whether a load balancer or a firewall accepts connections in the server's name and has none to hand them to.",
        ],
      },
      "silent-after-ccc": {
        remedy: [
          "After CCC both ends have to leave TLS in the same way, and these two do not: do without CCC (lftp: ftp:ssl-use-ccc no), or let the other end shut TLS down (curl: --ftp-ssl-ccc-mode).",
        ],
      },
    },
  },
  "control-idle-timeout": {
    group: "Control connection",
    traits: ["device"],
    title: "a NAT device or firewall forgets the idle control connection",
    meaning:
      "The control connection was idle during a long transfer or pause, and its next segment got no answer or a reset although the data arrived.",
    remedy: [
      "Let the client send TCP keep-alives or NOOP during transfers (curl --keepalive-time 60).",
      "Lengthen the TCP idle timeout on the NAT device or firewall beyond the longest transfer (Linux: nf_conntrack_tcp_timeout_established).",
    ],
  },
  "server-busy": {
    group: "Control connection",
    traits: ["refusal"],
    title: "the server takes no more sessions",
    meaning: "The server answers 421: too many sessions in all or from this address, or it is shutting down.",
    remedy: ["Open fewer sessions at once in the client, or raise the server's limits."],
    setting: "session-limit",
  },
} as const satisfies Readonly<Record<CauseId, CauseText>>;

/** The causes as a reader looks for them: by the part of the session that goes wrong, in the order of CAUSE_IDS. */
export const CAUSE_GROUPS: readonly { readonly title: CauseGroup; readonly causes: readonly CauseId[] }[] =
  GROUP_TITLES.map((title) => ({ title, causes: CAUSE_IDS.filter((id) => CAUSE_TEXT[id].group === title) }));

/** Whether a cause is of that kind. */
export function hasTrait(cause: CauseId, trait: CauseTrait): boolean {
  const { traits }: CauseText = CAUSE_TEXT[cause];
  return traits.includes(trait);
}

/** How many products a remedy names when the greeting did not tell the server's software. */
const PRODUCTS_NAMED = 5;

/**
 * The remedy lines for a cause: its own (in a situation: those for it), and the server setting as the software in the greeting spells it. Software
 * that is unknown gets the spelling of the usual products; software that we know no setting of gets none.
 */
export function remedyFor(cause: CauseId, serverSoftware: string | null, situation: Situation | null = null): string[] {
  const text: CauseText = CAUSE_TEXT[cause];
  const { remedy, setting }: Remedy = (situation && text.situations?.[situation]) ?? text;
  if (setting === undefined) return [...remedy];
  if (serverSoftware === null) {
    const settings: readonly ServerSetting[] = SERVER_SETTINGS[setting];
    const usual = settings.slice(0, PRODUCTS_NAMED).map((row) => `${row.product}: ${settingInShort(row)}`);
    return [...remedy, `Setting: ${usual.join("; ")}.`];
  }
  const own = settingOf(setting, serverSoftware);
  return own ? [...remedy, `Setting: ${own.product}: ${settingInShort(own)} (${own.source}).`] : [...remedy];
}
