import type { Opening, OpeningEnd, RoleAdvice } from "./opening.ts";
import { type PortRange, portText } from "./service-needs.ts";

/** Rules of one kind of firewall, ready to be pasted. */
export interface FirewallRules {
  readonly kind: "nftables" | "iptables" | "cisco-asa" | "security-group";
  /** How they are put in, one sentence. */
  readonly use: string;
  readonly lines: readonly string[];
  /** Where the syntax is documented. */
  readonly source: string;
}

/** The service that the rules are for. */
export interface RuleSubject {
  readonly controlPort: number;
  readonly publicAddress: string | null;
  readonly insideAddress: string | null;
  readonly range: PortRange;
  /** Which of several services it is; null: the only one. */
  readonly number: number | null;
  /** Helpers can read the control connection. */
  readonly readable: boolean;
}

/** The openings of all roles as rules of each kind of firewall. Nothing in them blocks anything. */
export function firewallRules(subject: RuleSubject, roles: readonly RoleAdvice[]): FirewallRules[] {
  const isIpv6 = roles.some(({ openings }) => openings.some(({ to }) => to.address?.includes(":")));
  return [
    {
      kind: "nftables",
      use: "Put the names of your own tables in place of these: no jump leaves its table, and an accept overrules no other table's drop. Load with `nft -f FILE`; the chains do nothing until one of your base chains, which has to accept established connections, jumps to them: `nft insert rule inet filter forward jump ftp_server_passive`.",
      lines: nftables(subject, roles, isIpv6),
      source: "nft(8)",
    },
    {
      kind: "iptables",
      use: `Load with \`${isIpv6 ? "ip6tables" : "iptables"}-restore --noflush FILE\`; jump to the chains from INPUT, OUTPUT or FORWARD, which has to accept established connections. Chains with the same names are emptied before.`,
      lines: iptables(subject, roles),
      source: "iptables-restore(8), iptables-extensions(8)",
    },
    {
      kind: "cisco-asa",
      use: "Bind each list with access-group to the interface on which these connections come in.",
      lines: ciscoAsa(subject, roles, isIpv6),
      source: "Cisco ASA Series Command Reference: access-list extended, nat, inspect ftp",
    },
    {
      kind: "security-group",
      use: "Security groups know no source ports and let replies pass by themselves; an Elastic IP address needs no forwarding.",
      lines: roles.flatMap((role) => securityGroup(role, isIpv6)),
      source: "AWS CLI Command Reference: ec2 authorize-security-group-ingress, -egress",
    },
  ];
}

/** `server-passive` as a name that every firewall takes. */
function chainName({ role }: RoleAdvice): string {
  return `ftp_${role.replace("-", "_")}`;
}

function usage({ role, seen }: RoleAdvice): string {
  return `${role}${seen ? "" : " (mode not seen in this capture)"}`;
}

/**
 * What Netfilter may take the SYN of an opening for. A data connection that a helper expects is `related` and never `new`; helpers may be
 * at work on sessions that were not seen.
 */
const CONNECTION_STATES = {
  control: ["new"],
  data: ["new", "related"],
} as const satisfies Record<Opening["purpose"], readonly string[]>;

/** In the tables that base chains usually stand in: a jump stays within its table, and an accept overrules no drop of another one. */
function nftables(subject: RuleSubject, roles: readonly RoleAdvice[], isIpv6: boolean): string[] {
  const family = isIpv6 ? "ip6" : "ip";
  const chains = roles.flatMap((role) => [
    `  # ${usage(role)}`,
    `  chain ${chainName(role)} {`,
    ...role.openings.map((opening) => `    ${nftRule(opening)}`),
    "  }",
  ]);
  const helper = [
    "  # instead of the open data ports, for cleartext control connections: jump here",
    "  # from a chain of type filter, hook prerouting, and accept ct state related",
    '  ct helper ftp_standard {\n    type "ftp" protocol tcp\n  }',
    `  chain ftp_helper {\n    tcp dport ${subject.controlPort} ct helper set "ftp_standard"\n  }`,
  ];
  return [
    "table inet filter {",
    ...chains,
    ...(subject.readable ? helper : []),
    "}",
    ...forwarding(subject, (publicAddress, insideAddress, ports) => [
      `table ${family} nat {`,
      "  # jump here from a chain of type nat, hook prerouting",
      "  chain ftp_forward {",
      `    ${family} daddr ${publicAddress} tcp dport { ${ports.map((range) => portText(range)).join(", ")} } dnat to ${insideAddress}`,
      "  }",
      "}",
    ]),
  ].flatMap((lines) => lines.split("\n"));
}

function nftRule({ purpose, from, to }: Opening): string {
  const parts = [...nftEnd(from, "s"), ...nftEnd(to, "d")];
  return `${parts.join(" ")} ct state ${CONNECTION_STATES[purpose].join(",")} accept`;
}

function nftEnd({ address, ports }: OpeningEnd, side: "s" | "d"): string[] {
  return [
    ...(address === null ? [] : [`${address.includes(":") ? "ip6" : "ip"} ${side}addr ${address}`]),
    ...(ports === null ? [] : [`tcp ${side}port ${portText(ports)}`]),
  ];
}

function iptables(subject: RuleSubject, roles: readonly RoleAdvice[]): string[] {
  // iptables-restore empties a chain that is there already: each service has its own.
  const own = (chain: string) => (subject.number === null ? chain : `${chain}_${subject.number}`);
  return [
    "*filter",
    ...roles.map((role) => `:${own(chainName(role))} - [0:0]`),
    ...roles.flatMap((role) => [
      `# ${usage(role)}`,
      ...role.openings.map((opening) => `-A ${own(chainName(role))} ${iptablesMatch(opening)} -j ACCEPT`),
    ]),
    "COMMIT",
    ...forwarding(subject, (publicAddress, insideAddress, ports) => [
      "*nat",
      `:${own("ftp_forward")} - [0:0]`,
      "# jump here from PREROUTING",
      ...ports.map(
        (range) =>
          `-A ${own("ftp_forward")} -d ${publicAddress} -p tcp --dport ${portText(range, ":")} -j DNAT --to-destination ${insideAddress}`,
      ),
      "COMMIT",
    ]),
    ...(subject.readable
      ? [
          "*raw",
          `:${own("ftp_helper")} - [0:0]`,
          "# instead of the open data ports: jump here from PREROUTING, and accept RELATED",
          `-A ${own("ftp_helper")} -p tcp --dport ${subject.controlPort} -j CT --helper ftp`,
          "COMMIT",
        ]
      : []),
  ];
}

function iptablesMatch({ purpose, from, to }: Opening): string {
  const parts = [
    ...(from.address === null ? [] : [`-s ${from.address}`]),
    ...(to.address === null ? [] : [`-d ${to.address}`]),
    "-p tcp",
    ...(from.ports === null ? [] : [`--sport ${portText(from.ports, ":")}`]),
    ...(to.ports === null ? [] : [`--dport ${portText(to.ports, ":")}`]),
    `-m conntrack --ctstate ${CONNECTION_STATES[purpose].join(",").toUpperCase()}`,
  ];
  return parts.join(" ");
}

function ciscoAsa(subject: RuleSubject, roles: readonly RoleAdvice[], isIpv6: boolean): string[] {
  const any = isIpv6 ? "any6" : "any4";
  const end = ({ address, ports }: OpeningEnd) =>
    [address === null ? any : `host ${address}`, ...(ports === null ? [] : [asaPorts(ports)])].join(" ");
  return [
    ...roles.flatMap((role) => [
      `! ${usage(role)}`,
      ...role.openings.map(
        ({ from, to }) => `access-list ${chainName(role).toUpperCase()} extended permit tcp ${end(from)} ${end(to)}`,
      ),
    ]),
    ...forwarding(subject, (publicAddress, insideAddress, ports) => {
      const inside = asaName("FTP_INSIDE", insideAddress);
      const outside = asaName("FTP_PUBLIC", publicAddress);
      const services = ports.map((range) => ({ range, service: asaName("FTP_PORTS", portText(range)) }));
      return [
        "! forwarding",
        `object network ${inside}\n host ${insideAddress}`,
        `object network ${outside}\n host ${publicAddress}`,
        ...services.map(({ range, service }) => `object service ${service}\n service tcp source ${asaPorts(range)}`),
        ...services.map(
          ({ service }) => `nat (inside,outside) source static ${inside} ${outside} service ${service} ${service}`,
        ),
      ];
    }).flatMap((lines) => lines.split("\n")),
    ...(subject.readable
      ? ["! instead of the open data ports", "policy-map global_policy", " class inspection_default", "  inspect ftp"]
      : ["! inspect ftp cannot read an encrypted control connection"]),
  ];
}

/** An object that is defined again is changed, also for who uses it already: its name says what it stands for. Colons are not allowed in it. */
function asaName(kind: string, value: string): string {
  return `${kind}_${value.replaceAll(":", "-")}`;
}

function securityGroup(role: RoleAdvice, isIpv6: boolean): string[] {
  return (["in", "out"] as const).flatMap((direction) => {
    const openings = role.openings.filter((opening) => opening.direction === direction);
    if (openings.length === 0) return [];
    const permissions = openings.map(({ from, to, purpose }) => {
      const { address } = direction === "in" ? from : to;
      const { first, last } = to.ports ?? { first: 0, last: 65_535 };
      const network = address === null ? (isIpv6 ? "::/0" : "0.0.0.0/0") : `${address}/${isIpv6 ? 128 : 32}`;
      const ranges = isIpv6 ? "Ipv6Ranges" : "IpRanges";
      const cidr = isIpv6 ? "CidrIpv6" : "CidrIp";
      return [
        `    {"IpProtocol": "tcp", "FromPort": ${first}, "ToPort": ${last},`,
        `     "${ranges}": [{"${cidr}": "${network}", "Description": "FTP ${purpose}"}]}`,
      ].join("\n");
    });
    const verb = direction === "in" ? "ingress" : "egress";
    return [
      `# ${usage(role)}`,
      `aws ec2 authorize-security-group-${verb} --group-id "$GROUP_ID" \\`,
      "  --ip-permissions '[",
      ...permissions.join(",\n").split("\n"),
      "  ]'",
    ];
  });
}

/** Rules that forward the service's ports, where both addresses are known. */
function forwarding(
  { controlPort, publicAddress, insideAddress, range }: RuleSubject,
  write: (publicAddress: string, insideAddress: string, ports: [control: PortRange, data: PortRange]) => string[],
): string[] {
  if (publicAddress === null || insideAddress === null) return [];
  return write(publicAddress, insideAddress, [{ first: controlPort, last: controlPort }, range]);
}

function asaPorts({ first, last }: PortRange): string {
  return first === last ? `eq ${first}` : `range ${first} ${last}`;
}
