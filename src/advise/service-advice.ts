import { classifyAddress, isPrivateUse } from "../address.ts";
import { FTP_DATA_PORT, FTPS_DATA_PORT, FTPS_PORT, UNPRIVILEGED_PORT } from "../ports.ts";
import { countOf } from "../report/phrases.ts";
import { type FirewallRules, firewallRules } from "./firewall-rules.ts";
import { type Opening, type OpeningEnd, ROLES, type Role, type RoleAdvice } from "./opening.ts";
import { type PassiveSetting, passiveSettings } from "./passive-settings.ts";
import { type PortRange, portText, type ServiceNeeds } from "./service-needs.ts";

/** Advice for one service, as plain data: `--format json` prints this. */
export interface ServiceAdvice {
  readonly server: string;
  readonly controlPort: number;
  readonly serverSoftware: string | null;
  readonly sessions: number;
  /** Whether helpers can read the negotiations: no session encrypts them, nor would on port 990, where nothing was said. */
  readonly readable: boolean;
  /** Where clients outside reach the server; null: the capture does not tell. */
  readonly publicAddress: string | null;
  /** The server's own address behind a NAT; null: there is none, or the capture does not tell. */
  readonly insideAddress: string | null;
  readonly passiveRange: PortRange;
  readonly roles: readonly RoleAdvice[];
  readonly alternatives: readonly string[];
  readonly assumptions: readonly string[];
  readonly firewalls: readonly FirewallRules[];
  readonly settings: readonly PassiveSetting[];
}

/** Ports of a range that one did not have to choose by what was seen: above most ephemeral ports in use, below the end of all. */
const DEFAULT_RANGE: PortRange = { first: 50_000, last: 50_099 };

/** A span of ports up to this is taken for a configured range; the ephemeral ports of a system span 16,000 and more. */
const MAX_RANGE = 2000;

/** A range is given in whole hundreds: each transfer takes a port, and it stays taken for minutes after it (TIME_WAIT, RFC 9293 3.6.1). */
const RANGE_STEP = 100;

const CLIENT_PORTS: PortRange = { first: UNPRIVILEGED_PORT, last: 65_535 };

/** What the firewalls and NATs between services and their clients have to let pass, with what is assumed for it. */
export function adviseServices(services: readonly ServiceNeeds[]): ServiceAdvice[] {
  return services.map((needs, i) => adviseService(needs, services.length === 1 ? null : i + 1));
}

/** @param number tells the names in its rules from those of other services; null: there are no others */
function adviseService(needs: ServiceNeeds, number: number | null): ServiceAdvice {
  const addresses = addressesOf(needs);
  const range = passiveRangeOf(needs);
  const readable = isReadable(needs);
  const place: Place = { needs, ...addresses, range: range.range, sourcePort: dataSourcePort(needs) };
  const roles = ROLES.map((role) => roleAdvice(role, place, readable));
  const name = { server: needs.server, controlPort: needs.controlPort };
  return {
    ...name,
    serverSoftware: needs.serverSoftware,
    sessions: needs.sessions,
    readable,
    publicAddress: addresses.publicAddress,
    insideAddress: addresses.insideAddress,
    passiveRange: range.range,
    roles,
    alternatives: alternatives(readable, needs),
    assumptions: [range.says, ...addresses.assumptions, ...modeAssumptions(needs, place), ...tlsAssumption(needs)],
    firewalls: firewallRules({ ...name, ...addresses, number, range: range.range, readable }, roles),
    settings: passiveSettings(addresses.publicAddress, range.range, needs.serverSoftware),
  };
}

interface Place {
  readonly needs: ServiceNeeds;
  readonly publicAddress: string | null;
  readonly insideAddress: string | null;
  readonly range: PortRange;
  /** From which the server opens active data connections; null: any. */
  readonly sourcePort: number | null;
}

function isReadable(needs: ServiceNeeds): boolean {
  return [...needs.security].every((security) => security === "cleartext" || security.endsWith("-then-ccc"));
}

/** Of sessions that did not get as far as a data channel nothing may have been heard; what answers on this port speaks TLS (IANA: ftps). */
function isTlsByNumber({ controlPort, heard }: ServiceNeeds): boolean {
  return controlPort === FTPS_PORT && !heard;
}

function tlsAssumption(needs: ServiceNeeds): string[] {
  return isTlsByNumber(needs)
    ? [
        `No session on port ${FTPS_PORT} got as far as a data channel: that it speaks TLS from the first byte may be taken from its number alone (IANA: ftps).`,
      ]
    : [];
}

interface ServerAddresses {
  readonly publicAddress: string | null;
  readonly insideAddress: string | null;
  readonly assumptions: readonly string[];
}

function addressesOf(needs: ServiceNeeds): ServerAddresses {
  return addressesSeen(needs) ?? addressesAdvertised(needs);
}

/** By sessions that were seen on both sides of the server's NAT; undefined: there are none. */
function addressesSeen({ server, beyondNat }: ServiceNeeds): ServerAddresses | undefined {
  const [other, ...more] = beyondNat;
  if (other === undefined) return undefined;
  const seen = "sessions were seen on both sides of it";
  if (classifyAddress(server) !== "public")
    return {
      publicAddress: more.length === 0 ? other : null,
      insideAddress: server,
      assumptions: [`A NAT turns ${[...beyondNat].join(", ")} into ${server}: ${seen}.`],
    };
  if (more.length === 0)
    return {
      publicAddress: server,
      insideAddress: other,
      assumptions: [`A NAT turns ${server} into ${other}: ${seen}.`],
    };
  return {
    publicAddress: server,
    insideAddress: null,
    assumptions: [
      `A NAT at ${server} passes sessions on to several hosts, ${[...beyondNat].join(", ")}: ${seen}. In the rules of the server's side put their addresses in place of ${server}.`,
    ],
  };
}

/** By what the server advertised. */
function addressesAdvertised({ server, advertised }: ServiceNeeds): ServerAddresses {
  const others = [...advertised].filter((address) => address !== server);
  const [only] = others.length === 1 ? others : [null];
  if (classifyAddress(server) === "public") {
    const insideAddress = only !== null && isPrivateUse(only) ? only : null;
    const assumptions =
      insideAddress === null
        ? [
            `The server is reached at ${server}; whether a NAT stands before it cannot be seen from here. Behind one, put the server's own address in place of ${server} in the rules of the server's side.`,
          ]
        : [`${insideAddress}, which the server advertised, is its own address behind the NAT of ${server}.`];
    return { publicAddress: server, insideAddress, assumptions };
  }
  if (only !== null && classifyAddress(only) === "public")
    return {
      publicAddress: only,
      insideAddress: server,
      assumptions: [`${only}, which the server advertised, is its public address, and a NAT turns it into ${server}.`],
    };
  return {
    publicAddress: null,
    insideAddress: null,
    assumptions: [
      `All clients reach the server at ${server}. For clients beyond a NAT put its public address in place of PUBLIC_ADDRESS, and forward the same ports there.`,
    ],
  };
}

/** The range to set on the server and to open, and in how far it is a guess. */
function passiveRangeOf({ passive: { ports, channels } }: ServiceNeeds): { range: PortRange; says: string } {
  const { span } = ports;
  const advice = "Set it on the server and open the same.";
  if (span === null)
    return {
      range: DEFAULT_RANGE,
      says: `No passive port was seen: ${portText(DEFAULT_RANGE)} is an example. ${advice}`,
    };
  const seen = `${countOf(channels, "passive channel")} used ${countOf(ports.count, "port")}, ${portText(span)}.`;
  if (span.last - span.first >= MAX_RANGE)
    return {
      range: DEFAULT_RANGE,
      says: `${seen} That is no configured range but whatever the system gave: set one, e.g. ${portText(DEFAULT_RANGE)}.`,
    };
  const range = {
    first: Math.max(Math.floor(span.first / RANGE_STEP) * RANGE_STEP, CLIENT_PORTS.first),
    last: Math.min(Math.floor(span.last / RANGE_STEP) * RANGE_STEP + RANGE_STEP - 1, CLIENT_PORTS.last),
  };
  return {
    range,
    says: `${seen} Observed ports are not the configured range: ${portText(range)} is a guess. ${advice}`,
  };
}

/** The source ports that servers bind for data: RFC 959 3.2 (the one below the control port), and the assigned ones wherever they listen. */
const boundSourcePorts = (controlPort: number) => [controlPort - 1, FTP_DATA_PORT, FTPS_DATA_PORT];

/** Where active data connections come from; null: any port. One that the system chose does not come again, and a rule with it would let pass nothing. */
function dataSourcePort({ controlPort, active: { sourcePorts } }: ServiceNeeds): number | null {
  const [first = controlPort - 1, ...others] = sourcePorts.list();
  return others.length === 0 && boundSourcePorts(controlPort).includes(first) ? first : null;
}

function sourceAssumption({ active: { sourcePorts } }: ServiceNeeds, sourcePort: number | null): string {
  const [first, ...others] = sourcePorts.list();
  if (first === undefined)
    return `Active data connections were not seen. They are taken to come from port ${sourcePort}, one below the control port (RFC 959); some servers use any port.`;
  if (sourcePort !== null) return `All active data connections seen came from the server's port ${sourcePort}.`;
  const seen =
    others.length === 0
      ? `came from the server's port ${first}, which its system chose`
      : `came from ${countOf(sourcePorts.count, "port")} of the server`;
  return `Active data connections ${seen}: the rules name no source port. They can where the server keeps to one (RFC 959: the one below the control port).`;
}

function modeAssumptions(needs: ServiceNeeds, { sourcePort }: Place): string[] {
  const { server, clients } = needs;
  const who =
    clients.size > MAX_NAMED_CLIENTS
      ? countOf(clients.size, "client address", "client addresses")
      : [...clients].sort().join(", ");
  const named = onlyClient(needs);
  const seenBeforeNat = classifyAddress(server) === "public" && [...clients].some(isPrivateUse);
  return [
    sourceAssumption(needs, sourcePort),
    `Clients may come from any address. To admit only those seen, name them in the rules of the server's side: ${who}.`,
    ...(named !== null && classifyAddress(named) === "public"
      ? [
          `Behind a NAT of its own the client has another address: put that in place of ${named} in the rules of the client's side.`,
        ]
      : []),
    ...(seenBeforeNat
      ? ["Private client addresses were seen before their NAT: the server's side sees its public address instead."]
      : []),
  ];
}

const MAX_NAMED_CLIENTS = 8;

/** The client that the rules of the client's side are for; null: several were seen. */
function onlyClient({ clients }: ServiceNeeds): string | null {
  const [client = null] = clients.size === 1 ? clients : [];
  return client;
}

function roleAdvice(role: Role, place: Place, readable: boolean): RoleAdvice {
  const { needs, range, sourcePort, publicAddress, insideAddress } = place;
  const atServer = role.startsWith("server");
  const passive = role.endsWith("passive");
  const server = (atServer ? insideAddress : publicAddress) ?? needs.server;
  const client = atServer ? null : onlyClient(needs);
  const clientEnd: OpeningEnd = { address: client, ports: null };
  const control: Opening = {
    purpose: "control",
    direction: atServer ? "in" : "out",
    from: clientEnd,
    to: { address: server, ports: { first: needs.controlPort, last: needs.controlPort } },
  };
  const data: Opening = passive
    ? { ...control, purpose: "data", to: { address: server, ports: range } }
    : {
        purpose: "data",
        direction: atServer ? "out" : "in",
        from: { address: server, ports: sourcePort === null ? null : { first: sourcePort, last: sourcePort } },
        to: { address: client, ports: CLIENT_PORTS },
      };
  const use = passive ? needs.passive : needs.active;
  return {
    role,
    seen: use.channels > 0,
    openings: [control, data],
    words: WORDS[role](place, readable),
  };
}

function sourceText(sourcePort: number | null): string {
  return sourcePort === null ? "any port" : `port ${sourcePort}`;
}

/** What each role needs, in words. */
const WORDS: Readonly<Record<Role, (place: Place, readable: boolean) => string[]>> = {
  "server-passive": ({ needs, range, publicAddress, insideAddress }, readable) => [
    `Firewall: let new connections in to port ${needs.controlPort} and to ports ${portText(range)}.`,
    insideAddress !== null
      ? `NAT: forward port ${needs.controlPort} and ports ${portText(range)} of ${publicAddress} to ${insideAddress}, each to the same port.`
      : `NAT, if there is one: forward port ${needs.controlPort} and ports ${portText(range)}, each to the same port.`,
    readable
      ? "A helper that reads the control connection can open the data ports by itself; then the range need not stand open. On a Linux NAT it (nf_conntrack_ftp, nf_nat_ftp) does so only if the server advertises its own address: leave the public one out of the server's settings."
      : "No helper can read the encrypted 227 and 229: the range has to stand open, and the server has to know its public address.",
  ],
  "server-active": ({ needs, sourcePort }) => [
    `Firewall: let new connections in to port ${needs.controlPort}, and out from ${sourceText(sourcePort)} to any port above 1023 of the clients.`,
    "NAT: nothing more; the server connects outward.",
  ],
  "client-passive": ({ needs, range }) => [
    `Firewall: let new connections out to port ${needs.controlPort} and to ports ${portText(range)} of the server. Most client firewalls let all out.`,
    "NAT: nothing more; the client connects outward.",
  ],
  "client-active": ({ needs, sourcePort }, readable) => [
    `Firewall: let new connections out to port ${needs.controlPort}, and in from ${sourceText(sourcePort)} of the server to ports above 1023 of the client.`,
    readable
      ? "NAT: only with a helper, which rewrites the address in PORT and EPRT and forwards that port."
      : "NAT: not possible under TLS without a fixed port range in the client, forwarded to it, and its public address set there. Use passive mode.",
  ],
};

function alternatives(readable: boolean, { controlPort, security }: ServiceNeeds): string[] {
  const implicit = [...security].some((kind) => kind.startsWith("implicit"));
  return [
    "EPSV (RFC 2428): its reply carries no address, so no public address has to be set and no NAT has to rewrite one. The ports have to be open and forwarded all the same.",
    ...(readable
      ? []
      : [
          "CCC (RFC 4217 12.3) ends TLS on the control connection after login, so that helpers can read it again. Login stays protected, commands and file names do not; client and server must both allow it.",
        ]),
    ...(implicit || controlPort === FTPS_PORT
      ? [
          "Implicit TLS: control port 990 and, in active mode, data from port 989 (IANA: ftps, ftps-data). Helpers that only know port 21 do not look at it at all.",
        ]
      : []),
  ];
}
