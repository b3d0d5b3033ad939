import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { adviceText } from "../../src/advise/advice-text.ts";
import type { FirewallRules } from "../../src/advise/firewall-rules.ts";
import { ROLES } from "../../src/advise/opening.ts";
import { adviseServices, type ServiceAdvice } from "../../src/advise/service-advice.ts";
import { ServiceLedger } from "../../src/advise/service-needs.ts";
import type { Session } from "../../src/analysis.ts";
import { analyzeCapture } from "../../src/analyze.ts";
import { runCli, temporaryFolder } from "../cli/run-cli.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";

function adviceFor(sessions: readonly Session[]): ServiceAdvice[] {
  const ledger = new ServiceLedger();
  for (const session of sessions) ledger.add(session);
  return adviseServices(ledger.services());
}

function adviceOf(fixture: string): ServiceAdvice {
  const [advice] = adviceFor(analyzeCapture(readFileSync(join("fixtures", fixture))).sessions);
  assert.ok(advice);
  return advice;
}

function linesOf(advice: ServiceAdvice, kind: FirewallRules["kind"]): readonly string[] {
  return advice.firewalls.find((rules) => rules.kind === kind)?.lines ?? [];
}

describe("what a server behind NAT needs that advertises its inner address", () => {
  const advice = adviceOf("pasv-cleartext-private-address-client.pcap");

  test("both addresses and a range around the port that was seen", () => {
    assert.deepEqual(
      [advice.publicAddress, advice.insideAddress, advice.passiveRange],
      ["93.190.70.26", "10.20.30.40", { first: 50_000, last: 50_099 }],
    );
    assert.match(advice.assumptions.join("\n"), /1 port, 50003\. Observed ports are not the configured range/);
    assert.match(
      advice.assumptions.join("\n"),
      /10\.20\.30\.40.* is its own address behind the NAT of 93\.190\.70\.26/,
    );
  });

  test("four roles, of which the passive ones were seen", () => {
    assert.deepEqual(
      advice.roles.map(({ role, seen }) => [role, seen]),
      ROLES.map((role) => [role, role.endsWith("passive")]),
    );
  });

  test("openings end where each firewall sees them: at the inner address on the server's side, at the public one on the client's", () => {
    const [control, data] = advice.roles.find(({ role }) => role === "server-passive")?.openings ?? [];
    assert.deepEqual(control, {
      purpose: "control",
      direction: "in",
      from: { address: null, ports: null },
      to: { address: "10.20.30.40", ports: { first: 21, last: 21 } },
    });
    assert.deepEqual(data?.to, { address: "10.20.30.40", ports: { first: 50_000, last: 50_099 } });
    const active = advice.roles.find(({ role }) => role === "client-active")?.openings[1];
    assert.deepEqual(active, {
      purpose: "data",
      direction: "in",
      from: { address: "93.190.70.26", ports: { first: 20, last: 20 } },
      to: { address: "89.247.52.18", ports: { first: 1024, last: 65_535 } },
    });
  });

  test("the rules and settings carry the values", () => {
    const rules: [kind: FirewallRules["kind"], line: string][] = [
      ["nftables", "    ip daddr 93.190.70.26 tcp dport { 21, 50000-50099 } dnat to 10.20.30.40"],
      ["iptables", "-A ftp_forward -d 93.190.70.26 -p tcp --dport 50000:50099 -j DNAT --to-destination 10.20.30.40"],
      ["cisco-asa", "access-list FTP_SERVER_PASSIVE extended permit tcp any4 host 10.20.30.40 range 50000 50099"],
      ["cisco-asa", "access-list FTP_SERVER_ACTIVE extended permit tcp host 10.20.30.40 eq 20 any4 range 1024 65535"],
      ["security-group", '    {"IpProtocol": "tcp", "FromPort": 50000, "ToPort": 50099,'],
    ];
    for (const [kind, line] of rules) assert.ok(linesOf(advice, kind).includes(line), `${kind}: ${line}`);
    const settings = Object.fromEntries(advice.settings.map(({ product, lines }) => [product, lines.join("\n")]));
    for (const product of ["vsftpd", "ProFTPD", "Pure-FTPd", "FileZilla Server", "IIS", "JSCAPE"])
      assert.ok(product in settings, product);
    assert.equal(settings["vsftpd"], "pasv_min_port=50000\npasv_max_port=50099\npasv_address=93.190.70.26");
    assert.equal(settings["ProFTPD"], "PassivePorts 50000 50099\nMasqueradeAddress 93.190.70.26");
    for (const text of Object.values(settings)) assert.match(text, /50000\b[\s\S]*50099\b[\s\S]*93\.190\.70\.26/);
  });

  test("a data connection may be new, or related where a helper expects it; a control connection is never the latter", () => {
    const statesOf = (kind: FirewallRules["kind"], pattern: RegExp) =>
      linesOf(advice, kind).flatMap((line) => {
        const [, state] = pattern.exec(line) ?? [];
        return state === undefined ? [] : [[/dport 21\b/.test(line) ? "control" : "data", state]];
      });
    assert.deepEqual(
      statesOf("nftables", /ct state (\S+) accept/),
      ROLES.flatMap(() => [
        ["control", "new"],
        ["data", "new,related"],
      ]),
    );
    assert.deepEqual(
      statesOf("iptables", /--ctstate (\S+) -j ACCEPT/),
      ROLES.flatMap(() => [
        ["control", "NEW"],
        ["data", "NEW,RELATED"],
      ]),
    );
  });

  test("the client's side is told that its firewall sees another address behind a NAT", () => {
    assert.match(advice.assumptions.join("\n"), /Behind a NAT of its own .*: put that in place of 89\.247\.52\.18/);
    const inside = adviceOf("epsv-explicit-tls-several-transfers-client.pcap");
    assert.doesNotMatch(inside.assumptions.join("\n"), /Behind a NAT of its own/);
  });

  test("a helper is an alternative while it can read, and CCC needs no word", () => {
    assert.ok(linesOf(advice, "nftables").join("\n").includes("ct helper"));
    assert.doesNotMatch(advice.alternatives.join("\n"), /CCC/);
  });

  test("Linux's helper opens nothing for a 227 with the public address, which the settings below set: that is said", () => {
    const words = advice.roles[0]?.words.join("\n") ?? "";
    assert.match(words, /nf_nat_ftp\) does so only if the server advertises its own address: leave the public one/);
  });
});

test("with TLS no helper is offered, and CCC is explained", () => {
  const advice = adviceOf("epsv-explicit-tls-several-transfers-client.pcap");
  assert.equal(advice.readable, false);
  assert.doesNotMatch(linesOf(advice, "nftables").join("\n"), /helper/);
  assert.doesNotMatch(linesOf(advice, "iptables").join("\n"), /helper/);
  assert.match(advice.alternatives.join("\n"), /CCC \(RFC 4217 12\.3\)/);
  assert.match(advice.roles[0]?.words.join("\n") ?? "", /No helper can read/);
  // 192.168.42.17 speaks to a public address
  assert.match(advice.assumptions.join("\n"), /Private client addresses were seen before their NAT/);
});

test("implicit TLS: port 990, active data from 989", () => {
  const net = new CaptureBuilder();
  net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:990", handshake: true });
  const [advice] = adviceFor(analyzeCapture(net.build()).sessions);
  assert.ok(advice);
  const active = advice.roles.find(({ role }) => role === "server-active")?.openings;
  assert.deepEqual(
    active?.map(({ from, to }) => [from.ports?.first ?? null, to.ports?.first]),
    [
      [null, 990],
      [989, 1024],
    ],
  );
  assert.match(advice.alternatives.join("\n"), /990 and, in active mode, data from port 989/);
});

describe("port 990, where TLS is spoken from the first byte", () => {
  function adviceAt990(speak: (control: ReturnType<CaptureBuilder["connect"]>) => void): ServiceAdvice {
    const net = new CaptureBuilder();
    speak(net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:990", handshake: true }));
    const [advice] = adviceFor(analyzeCapture(net.build()).sessions);
    assert.ok(advice);
    return advice;
  }
  const assumed = /No session on port 990 got as far as a data channel: .* taken from its number alone/;

  test("nothing was said there: no helper is offered, and that TLS is assumed is said", () => {
    const advice = adviceAt990(() => {});
    assert.equal(advice.readable, false);
    assert.doesNotMatch(linesOf(advice, "nftables").join("\n"), /helper/);
    assert.match(advice.roles[0]?.words.join("\n") ?? "", /No helper can read/);
    assert.match(advice.assumptions.join("\n"), assumed);
  });

  test("cleartext was read there: readable", () => {
    const advice = adviceAt990((control) => {
      control.server("220 ready\r\n");
      control.client("PASV\r\n");
      control.server("227 Entering Passive Mode (203,0,113,5,195,80)\r\n");
    });
    assert.equal(advice.readable, true);
    assert.doesNotMatch(advice.assumptions.join("\n"), assumed);
  });
});

describe("sessions that were seen on both sides of a NAT", () => {
  /** One session for each row of views: pairs of client and server with the same sequence numbers. */
  function adviceOnViews(...sessions: (readonly [client: string, server: string])[][]): ServiceAdvice[] {
    const net = new CaptureBuilder();
    for (const [i, views] of sessions.entries())
      for (const [client, server] of views)
        net
          .connect({ client, server, clientIsn: 1000 + i, serverIsn: 2000 + i, handshake: true })
          .server("220 ready\r\n");
    return adviceFor(analyzeCapture(net.build()).sessions);
  }
  const addresses = (services: readonly ServiceAdvice[]) =>
    services.map(({ server, publicAddress, insideAddress, sessions }) => [
      server,
      publicAddress,
      insideAddress,
      sessions,
    ]);
  const OUTSIDE = ["192.0.2.10:40000", "203.0.113.5:21"] as const;
  const INSIDE = ["192.0.2.10:40000", "10.20.30.40:21"] as const;

  for (const [name, views] of [
    ["outside first", [OUTSIDE, INSIDE]],
    ["inside first", [INSIDE, OUTSIDE]],
  ] as const)
    test(`the server's NAT: one service with both addresses, ${name}`, () => {
      const services = adviceOnViews([...views]);
      assert.deepEqual(addresses(services), [["203.0.113.5", "203.0.113.5", "10.20.30.40", 1]]);
      const said = services[0]?.assumptions.join("\n") ?? "";
      assert.match(said, /A NAT turns 203\.0\.113\.5 into 10\.20\.30\.40: sessions were seen on both sides of it\./);
      assert.doesNotMatch(said, /cannot be seen/);
      assert.ok(
        linesOf(services[0] as ServiceAdvice, "nftables")
          .join("\n")
          .includes("dnat to 10.20.30.40"),
      );
    });

  test("who reaches the server without the NAT is a service of its own, for which the public address is known", () => {
    assert.deepEqual(addresses(adviceOnViews([OUTSIDE, INSIDE], [["10.20.30.9:40000", "10.20.30.40:21"]])), [
      ["203.0.113.5", "203.0.113.5", "10.20.30.40", 1],
      ["10.20.30.40", "203.0.113.5", "10.20.30.40", 1],
    ]);
  });

  test("several hosts behind one address: none of them is told to be the server", () => {
    const services = adviceOnViews(
      [OUTSIDE, INSIDE],
      [
        ["192.0.2.11:40000", "203.0.113.5:21"],
        ["192.0.2.11:40000", "10.20.30.41:21"],
      ],
    );
    assert.deepEqual(addresses(services), [["203.0.113.5", "203.0.113.5", null, 2]]);
    assert.match(
      services[0]?.assumptions.join("\n") ?? "",
      /passes sessions on to several hosts, 10\.20\.30\.40, 10\.20\.30\.41/,
    );
  });

  test("the client's NAT: the session counts once", () => {
    assert.deepEqual(addresses(adviceOnViews([OUTSIDE, ["192.168.42.17:40000", "203.0.113.5:21"]])), [
      ["203.0.113.5", "203.0.113.5", null, 1],
    ]);
  });

  test("a server that was seen on one side: what to do behind a NAT is said", () => {
    const [advice] = adviceOnViews([OUTSIDE]);
    assert.match(
      advice?.assumptions.join("\n") ?? "",
      /cannot be seen from here\. Behind one, put the server's own address in place of 203/,
    );
  });
});

describe("the source port of active data connections", () => {
  /** Where the openings of active mode let data come from, and what is said of it. */
  function sourceOf(advice: ServiceAdvice): [ports: unknown[], says: string] {
    const active = advice.roles.filter(({ role }) => role.endsWith("active"));
    const ports = active.map(({ openings }) => openings.find(({ purpose }) => purpose === "data")?.from.ports);
    const said = [...advice.assumptions, ...active.flatMap(({ words }) => words)].join("\n");
    return [ports, said];
  }

  test("20 was seen: named", () => {
    const [ports, said] = sourceOf(adviceOf("port-cleartext-ok-client.pcap"));
    const port20 = { first: 20, last: 20 };
    assert.deepEqual(ports, [port20, port20]);
    assert.match(said, /All active data connections seen came from the server's port 20\./);
  });

  test("20 beside a control port of its own choice (vsftpd): named", () => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:2121", handshake: true });
    control.server("220 ready\r\n");
    control.client("PORT 192,0,2,10,200,1\r\n");
    control.server("200 PORT command successful\r\n");
    control.client("LIST\r\n");
    net.connect({ client: "203.0.113.5:20", server: "192.0.2.10:51201", handshake: true });
    const [advice] = adviceFor(analyzeCapture(net.build()).sessions);
    assert.ok(advice);
    assert.deepEqual(sourceOf(advice)[0], Array(2).fill({ first: 20, last: 20 }));
  });

  for (const [fixture, says] of [
    ["port-cleartext-inbound-rejected-server.pcap", /the server's port 38795, which its system chose/],
    ["port-cleartext-ftp-ssl-ok-client.pcap", /came from 2 ports of the server/],
  ] as const)
    test(`ports that the system chose do not come again: any (${fixture})`, () => {
      const advice = adviceOf(fixture);
      const [ports, said] = sourceOf(advice);
      assert.deepEqual(ports, [null, null]);
      assert.match(said, says);
      assert.match(said, /out from any port to any port above 1023 of the clients/);
      assert.match(said, /in from any port of the server to ports above 1023 of the client/);
      for (const kind of ["nftables", "iptables"] as const)
        assert.doesNotMatch(linesOf(advice, kind).join("\n"), /sport/);
    });
});

test("ports all over the place are no range; one is to be set", () => {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21", handshake: true });
  control.server("220 ready\r\n");
  for (const port of [32_000, 61_000]) {
    control.client("PASV\r\n");
    control.server(`227 Entering Passive Mode (203,0,113,5,${port >> 8},${port & 255})\r\n`);
  }
  const [advice] = adviceFor(analyzeCapture(net.build()).sessions);
  assert.deepEqual(advice?.passiveRange, { first: 50_000, last: 50_099 });
  assert.match(advice?.assumptions[0] ?? "", /32000-61000\. That is no configured range/);
});

test("the settings of the server seen come first", () => {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21", handshake: true });
  control.server("220 ProFTPD Server (Example) [203.0.113.5]\r\n");
  const [advice] = adviceFor(analyzeCapture(net.build()).sessions);
  assert.deepEqual(
    advice?.settings.slice(0, 3).map(({ product }) => product),
    ["ProFTPD", "vsftpd", "Pure-FTPd"],
  );
});

test("without a public address a placeholder stands in the settings, and nothing is forwarded", () => {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "10.0.0.10:40000", server: "10.0.0.5:21", handshake: true });
  control.server("220 ready\r\n");
  const [advice] = adviceFor(analyzeCapture(net.build()).sessions);
  assert.equal(advice?.publicAddress, null);
  assert.ok(advice?.settings[0]?.lines.includes("pasv_address=PUBLIC_ADDRESS"));
  assert.doesNotMatch(linesOf(advice, "nftables").join("\n"), /dnat/);
});

test("many services cost bounded memory, and what is left out is said", () => {
  const [session] = analyzeCapture(readFileSync("fixtures/epsv-cleartext-ok-client.pcap")).sessions;
  assert.ok(session);
  const ledger = new ServiceLedger();
  for (let port = 1; port <= 70; port++)
    ledger.add({ ...session, control: { ...session.control, server: { ...session.control.server, port } } });
  assert.deepEqual([ledger.services().length, ledger.sessionsLeftOut], [64, 6]);
  assert.match(adviceText([], 6, 80), /^No FTP session/);
  assert.match(adviceText(adviseServices(ledger.services().slice(0, 1)), 6, 80), /6 sessions with further servers/);
});

const VARIETY = [
  "pasv-cleartext-private-address-client.pcap",
  "epsv-explicit-tls-several-transfers-client.pcap",
  "eprt-cleartext-ipv6-ok-server.pcap",
  "epsv-explicit-tls-ipv6-ok-client.pcapng",
];

describe("text", () => {
  test("prose keeps to 80 columns; rules are never broken", () => {
    for (const fixture of VARIETY) {
      const advice = adviceOf(fixture);
      const pasted = new Set(advice.firewalls.flatMap(({ lines }) => lines));
      const wide = adviceText([advice], 0, 80)
        .split("\n")
        .filter((line) => line.length > 80 && !pasted.has(line));
      assert.deepEqual(wide, [], fixture);
    }
  });
});

function missing(program: string): string | false {
  return spawnSync(program, ["--version"]).error ? `no ${program}` : false;
}

/** nft asks the kernel, for which it takes a network of its own where we are not allowed to touch the real one. */
function nftCheck(path: string): { status: number | null; stderr: string } {
  const own = spawnSync("unshare", ["-rn", "nft", "-c", "-f", path], { encoding: "utf8" });
  return own.error ? spawnSync("nft", ["-c", "-f", path], { encoding: "utf8" }) : own;
}

test("nft accepts the rules", { skip: missing("nft") }, (context) => {
  const path = join(temporaryFolder(context), "rules.nft");
  writeFileSync(path, "table ip ftptrace {\n  chain c {\n    tcp dport 21 accept\n  }\n}\n");
  if (nftCheck(path).status !== 0) {
    context.skip("nft may not ask the kernel here");
    return;
  }
  for (const fixture of VARIETY) {
    writeFileSync(path, `${linesOf(adviceOf(fixture), "nftables").join("\n")}\n`);
    const { status, stderr } = nftCheck(path);
    assert.equal(status, 0, `${fixture}: ${stderr}`);
  }
  writeFileSync(path, "table ip ftptrace {\n  chain c {\n    tcp dport fifty accept\n  }\n}\n");
  assert.notEqual(nftCheck(path).status, 0, "nft accepts anything");
});

/** A ruleset as people have it, with base chains where the rules are said to belong. */
const OWN_NFT_RULES = `
table inet filter {
  chain forward {
    type filter hook forward priority 0; policy drop
    ct state established accept
  }
  chain prerouting { type filter hook prerouting priority 0; }
}
table ip nat {
  chain prerouting { type nat hook prerouting priority -100; }
}
`;

/** The chains of printed nftables rules, each with a rule that jumps to it from the user's base chain. */
function nftJumps(lines: readonly string[]): string[] {
  let table = "";
  return lines.flatMap((line) => {
    table = /^table (\w+ \w+)/.exec(line)?.[1] ?? table;
    const chain = /^ {2}chain (\w+)/.exec(line)?.[1];
    if (chain === undefined) return [];
    const base = /helper|forward$/.test(chain) ? "prerouting" : "forward";
    return [`insert rule ${table} ${base} jump ${chain}`];
  });
}

test("the chains of nftables stand in the tables that base chains are in: no jump leaves a table, and no accept either", (context) => {
  const lines = linesOf(adviceOf("pasv-cleartext-private-address-client.pcap"), "nftables");
  const jumps = nftJumps(lines);
  assert.deepEqual(
    jumps.map((jump) => jump.replace("insert rule ", "")),
    [
      ...ROLES.map((role) => `inet filter forward jump ftp_${role.replace("-", "_")}`),
      "inet filter prerouting jump ftp_helper",
      "ip nat prerouting jump ftp_forward",
    ],
  );
  const path = join(temporaryFolder(context), "rules.nft");
  writeFileSync(path, OWN_NFT_RULES);
  if (missing("nft") || nftCheck(path).status !== 0) {
    context.skip("nft may not ask the kernel here: the jumps were not tried");
    return;
  }
  writeFileSync(path, [OWN_NFT_RULES, ...lines, ...jumps, ""].join("\n"));
  assert.equal(nftCheck(path).stderr, "");
});

test("iptables-restore accepts the rules", { skip: missing("iptables-restore") }, (context) => {
  for (const fixture of VARIETY) {
    const advice = adviceOf(fixture);
    const program = advice.server.includes(":") ? "ip6tables-restore" : "iptables-restore";
    const { status, stderr } = spawnSync("unshare", ["-rn", program, "--test"], {
      input: `${linesOf(advice, "iptables").join("\n")}\n`,
      encoding: "utf8",
    });
    if (/unshare|Permission denied|Operation not permitted/.test(stderr)) {
      context.skip(stderr.trim());
      return;
    }
    assert.equal(status, 0, `${fixture}: ${stderr}`);
  }
});

describe("two services, loaded one after the other", () => {
  const net = new CaptureBuilder();
  for (const [i, port] of [21, 2121].entries()) {
    const control = net.connect({
      client: `192.0.2.10:${40_000 + i}`,
      server: `203.0.113.${i}:${port}`,
      handshake: true,
    });
    control.server("220 ready\r\n");
    control.client("PASV\r\n");
    control.server(`227 Entering Passive Mode (10,0,0,${i},195,80)\r\n`);
  }
  const services = adviceFor(analyzeCapture(net.build()).sessions);
  /** What a kind of firewall is given, service by service: the names in it that `pattern` captures, with what they stand for. */
  const definitions = (kind: FirewallRules["kind"], pattern: RegExp) =>
    services.map((advice) =>
      [...linesOf(advice, kind).join("\n").matchAll(pattern)].map(([text, name]) => ({ text, name })),
    );

  test("iptables-restore empties a chain that it is given again: none is", () => {
    const [first = [], second = []] = definitions("iptables", /^:(\S+) /gm);
    assert.equal(first.length, second.length);
    const names = [...first, ...second].map(({ name }) => name);
    assert.deepEqual([...new Set(names)], names);
    // iptables(8): a chain's name has up to 28 characters
    for (const name of names) assert.match(name ?? "", /^\w{1,28}$/);
  });

  test("an ASA takes an object that it is given again for a change: the same name means the same", () => {
    const objects = definitions("cisco-asa", /^object \w+ (\S+)\n .+$/gm).flat();
    assert.ok(objects.length > 0);
    const names = new Set(objects.map(({ name }) => name));
    assert.equal(new Set(objects.map(({ text }) => text)).size, names.size);
  });

  for (const [kind, load, list, addresses] of [
    ["iptables", "iptables-restore --noflush", "iptables-save", /-d (\S+)\/32 .*-j ACCEPT$|--to-destination (\S+)$/gm],
    ["nftables", "nft -f", "nft list ruleset", /ip daddr (\S+) .*accept$|dnat to (\S+)$/gm],
  ] as const)
    test(`${kind} has the rules of both`, { skip: missing(list.split(" ")[0] ?? list) }, (context) => {
      const folder = temporaryFolder(context);
      const loads = services.map((advice, i) => {
        const path = join(folder, `${i}.rules`);
        writeFileSync(path, `${linesOf(advice, kind).join("\n")}\n`);
        return `${load} "${path}"`;
      });
      const { stdout, stderr } = spawnSync("unshare", ["-rn", "sh", "-ec", [...loads, list].join("\n")], {
        encoding: "utf8",
      });
      if (/unshare|Permission denied|Operation not permitted/.test(stderr)) {
        context.skip(stderr.trim());
        return;
      }
      const found = [...stdout.matchAll(addresses)].map(([, opened, forwarded]) => opened ?? `to ${forwarded}`);
      for (const { insideAddress } of services)
        for (const what of [insideAddress, `to ${insideAddress}`])
          assert.ok(found.includes(what ?? ""), stdout + stderr);
    });
});

test("the security group permissions are JSON as the AWS CLI takes it", () => {
  for (const fixture of VARIETY) {
    const text = linesOf(adviceOf(fixture), "security-group").join("\n");
    const lists = [...text.matchAll(/--ip-permissions '([^']*)'/g)].map(([, json]) => JSON.parse(json ?? ""));
    assert.equal(lists.length, 6);
    for (const { IpProtocol, FromPort, ToPort, IpRanges = [], Ipv6Ranges = [] } of lists.flat()) {
      assert.equal(IpProtocol, "tcp");
      assert.ok(FromPort <= ToPort);
      assert.equal(IpRanges.length + Ipv6Ranges.length, 1);
    }
  }
});

const SCHEMA = JSON.parse(readFileSync("schema/advice.schema.json", "utf8"));

/** What is wrong with advice by the published schema; null: nothing. */
function schemaErrors(advice: unknown): unknown {
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(SCHEMA);
  return validate(advice) ? null : validate.errors;
}

test("the advice of unlike captures conforms to the schema, and the schema refuses what is none", () => {
  for (const fixture of VARIETY) {
    const advice = { schemaVersion: "1.0", services: [adviceOf(fixture)], sessionsLeftOut: 0 };
    assert.equal(schemaErrors(advice), null, fixture);
    assert.notEqual(schemaErrors({ ...advice, extra: 1 }), null);
    assert.notEqual(schemaErrors({ ...advice, services: [{ ...advice.services[0], sessions: "1" }] }), null);
  }
});

describe("ftptrace advise", { concurrency: 4 }, () => {
  const FIXTURE = "fixtures/pasv-cleartext-private-address-client.pcap";

  test("text and JSON tell the same", async () => {
    const [text, json] = await Promise.all([
      runCli(["advise", FIXTURE]),
      runCli(["advise", "--format", "json", FIXTURE]),
    ]);
    assert.deepEqual([text.status, text.stderr, json.status, json.stderr], [0, "", 0, ""]);
    const advice = JSON.parse(json.stdout);
    assert.equal(schemaErrors(advice), null);
    const { services, sessionsLeftOut } = advice;
    assert.equal(sessionsLeftOut, 0);
    assert.equal(text.stdout, adviceText(services, 0, 80));
  });

  test("of what is no capture: status 3", async () => {
    const { status, stdout, stderr } = await runCli(["advise", "package.json"]);
    assert.deepEqual([status, stdout], [3, ""]);
    assert.match(stderr, /^ftptrace: package\.json: /);
  });

  test("--output writes a whole file, and replaces none without --force", async (context) => {
    const folder = temporaryFolder(context);
    const path = join(folder, "advice.txt");
    assert.equal((await runCli(["advise", "-o", path, FIXTURE])).status, 0);
    assert.match(readFileSync(path, "utf8"), /^FTP SERVICE 93\.190\.70\.26:21/);
    assert.equal((await runCli(["advise", "-o", path, FIXTURE])).status, 2);
    assert.deepEqual(readdirSync(folder), ["advice.txt"]);
  });
});
