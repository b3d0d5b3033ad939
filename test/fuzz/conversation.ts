import { CaptureBuilder, type Connection, type Side } from "../support/capture-builder.ts";
import { LINK_TYPES, type LinkTypeName } from "../support/wire.ts";
import type { Chance } from "./chance.ts";
import { rawBytes, strangeText } from "./hostile-text.ts";

/** Captures of FTP sessions in which everything may go wrong: the grammar half of the fuzzer. */

const VERBS = [
  ...["USER", "PASS", "ACCT", "CWD", "CDUP", "QUIT", "PORT", "PASV", "TYPE", "RETR", "STOR", "STOU", "APPE", "REST"],
  ...["ABOR", "LIST", "NLST", "SITE", "SYST", "STAT", "NOOP", "AUTH", "ADAT", "PBSZ", "PROT", "CCC", "FEAT", "OPTS"],
  ...["EPRT", "EPSV", "LPRT", "LPSV", "MLSD", "SPSV", "CPSV", "P@SW", "HOST", "PAS", "XYZ", "ENC", "MIC", "REIN"],
] as const;

const GREETINGS = [
  "220 (vsFTPd 3.0.3)",
  "220 ProFTPD 1.3.8 Server (x) [10.0.0.1]",
  "220-FileZilla Server 1.8.0\r\n220 Please visit",
  "220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------",
  "220 Microsoft FTP Service",
  "421 Too many connections",
  "220 mail.example.net ESMTP",
  "SSH-2.0-x",
  "",
] as const;

const SERVERS = ["203.0.113.5", "10.0.0.5", "[2001:db8::5]", "127.0.0.1"] as const;
const CLIENTS = ["192.0.2.10", "192.168.1.10", "[2001:db8::10]", "203.0.113.5"] as const;

/** One random capture. */
export function conversation(chance: Chance): Uint8Array {
  const net = new CaptureBuilder({
    format: chance.pick(["pcap", "pcapng"] as const),
    byteOrder: chance.pick(["little", "big"] as const),
    nanoseconds: chance.in(0.5),
    linkType: chance.in(0.7) ? "EN10MB" : chance.pick(Object.keys(LINK_TYPES).filter(carriesBoth) as LinkTypeName[]),
    vlan: chance.pick([[], [], [7], [7, 8]]),
    vantage: chance.pick(["client", "server", "middle"] as const),
    pad: chance.in(0.3),
    snaplen: chance.in(0.1) ? chance.between(20, 200) : 0,
  });
  const sessions = chance.in(0.8) ? 1 : chance.between(2, 5);
  for (let i = 0; i < sessions; i++) session(net, chance, i);
  disturb(net, chance);
  return net.build();
}

/** Link types that hold both IP versions. */
function carriesBoth(name: string): boolean {
  return name !== "IPV4" && name !== "IPV6";
}

function session(net: CaptureBuilder, chance: Chance, ordinal: number): void {
  const family = chance.in(0.8) ? 0 : 2;
  const server = chance.in(0.8) ? SERVERS[family]! : family === 0 ? chance.pick(["10.0.0.5", "127.0.0.1"]) : SERVERS[2];
  const client = chance.in(0.8) ? CLIENTS[family]! : family === 0 ? chance.pick(["192.168.1.10", server]) : CLIENTS[2];
  const port = chance.in(0.7) ? 21 : chance.pick([990, 2121, 21_000, 4789, 21]);
  const control = net.connect({
    client: `${client}:${chance.in(0.5) ? 40_000 + ordinal : chance.between(1, 65_535)}`,
    server: `${server}:${port}`,
    originator: chance.in(0.95) ? "client" : "server",
    mss: chance.in(0.8) ? 1460 : chance.between(13, 60),
    handshake: chance.in(0.85),
    timestamps: chance.in(0.5),
    ...(chance.in(0.2) ? { clientIsn: 0xffff_fff0, serverIsn: 0xffff_ff00 } : {}),
  });
  if (port === 990 && chance.in(0.7)) control.tls({ version: chance.pick(["1.2", "1.3"] as const) });
  else say(control, "server", `${chance.pick(GREETINGS)}${chance.in(0.1) ? strangeText(chance) : ""}`, chance);
  const steps = chance.in(0.95) ? chance.between(1, 8) : chance.between(9, 60);
  for (let i = 0; i < steps; i++) step(net, control, client, server, chance);
  if (chance.in(0.6)) control.finish(chance.pick(["client", "server"] as const));
}

function step(net: CaptureBuilder, control: Connection, client: string, server: string, chance: Chance): void {
  switch (chance.below(16)) {
    case 0:
      say(control, "client", `USER ${strangeText(chance)}`, chance);
      say(control, "server", "331 Password please", chance);
      say(control, "client", `PASS ${strangeText(chance)}`, chance);
      say(control, "server", `230 Hello ${strangeText(chance)}`, chance);
      break;
    case 1:
    case 2:
    case 3:
      transfer(net, control, client, server, chance);
      break;
    case 4:
      say(control, "client", "AUTH TLS", chance);
      say(control, "server", chance.pick(["234 go ahead", "500 no", "234", "431 no"]), chance);
      control.tls({ version: chance.pick(["1.2", "1.3"] as const) }, chance.in(0.7) ? 9 : chance.below(4));
      for (let i = chance.below(4); i > 0; i--)
        control.sealed(chance.pick(["client", "server"] as const), chance.below(60));
      break;
    case 5:
      control.closeNotify(chance.pick(["client", "server"] as const));
      break;
    case 6:
      control.say(chance.pick(["client", "server"] as const), rawBytes(strangeText(chance)));
      break;
    case 7:
      for (let i = chance.skewed(200); i >= 0; i--) say(control, "server", `${reply(chance)}-${i}`, chance);
      break;
    case 8:
      control.skip(chance.pick(["client", "server"] as const), chance.pick([1, 5, 100, 3000, 70_000]));
      break;
    case 9:
      net.uncaptured(() => say(control, chance.pick(["client", "server"] as const), line(chance), chance));
      break;
    case 10:
      net.wait(chance.pick([-100_000, -1, 1, 1000, 60_000, 4_000_000, 20_000_000]));
      break;
    case 11:
      control.segment(chance.pick(["client", "server"] as const), {
        flags: chance.pick(["R", "F", "S", "SA", "A", "PA", "FPU", "", "SFR", "AU"]),
        payload: chance.in(0.5) ? rawBytes(strangeText(chance)) : "",
        seq: chance.word(),
        ack: chance.word(),
        window: chance.below(65_536),
      });
      break;
    case 12:
      net.icmpError({
        from: server.includes(":") ? "2001:db8::ff" : "198.51.100.1",
        type: chance.pick([1, 2, 3, 4, 5, 11, 12]),
        code: chance.below(16),
        quotedBytes: chance.pick([28, 8, 20, 0, 60, 1000]),
        mtu: chance.pick([0, 68, 1400, 65_535]),
      });
      break;
    default:
      say(control, "client", line(chance), chance);
      if (chance.in(0.8))
        say(control, "server", reply(chance) + chance.pick([" ok", "-more", "", ` ${strangeText(chance)}`]), chance);
  }
}

function line(chance: Chance): string {
  const verb = chance.pick(VERBS);
  const cased = chance.in(0.2) ? verb.toLowerCase() : verb;
  return chance.in(0.4) ? cased : `${cased} ${chance.in(0.5) ? strangeText(chance) : numbers(chance)}`;
}

function reply(chance: Chance): string {
  return chance.in(0.8)
    ? String(
        chance.pick([110, 125, 150, 200, 202, 211, 213, 215, 220, 221, 225, 226, 227, 228, 229, 230, 234, 250, 257]),
      )
    : String(chance.pick([331, 332, 350, 421, 425, 426, 450, 451, 500, 502, 503, 522, 530, 534, 550, 631, 99, 0, 999]));
}

/** Numbers as PORT and 227 have them, or nearly. */
function numbers(chance: Chance): string {
  const count = chance.in(0.8) ? 6 : chance.below(30);
  const separator = chance.in(0.9) ? "," : chance.pick([", ", ".", "", " ,", ",,"]);
  return Array.from({ length: count }, () =>
    chance.in(0.9) ? chance.below(256) : chance.pick([-1, 256, 99999999999, "x", "010", ""]),
  ).join(separator);
}

function transfer(net: CaptureBuilder, control: Connection, client: string, server: string, chance: Chance): void {
  const port = chance.in(0.8) ? chance.between(1024, 65_535) : chance.pick([0, 1, 20, 21, 990, 65_535]);
  const passive = chance.in(0.6);
  const address = server.includes(":") ? "203,0,113,5" : server.replaceAll(".", ",");
  const host = client.replace(/[[\]]/g, "");
  if (passive) {
    const extended = chance.in(0.5);
    say(
      control,
      "client",
      extended ? chance.pick(["EPSV", "EPSV ALL", "EPSV 2"]) : chance.pick(["PASV", "CPSV", "SPSV"]),
      chance,
    );
    const granted = extended
      ? chance.pick([
          `229 Entering (|||${port}|)`,
          `229 (!!!${port}!)`,
          `229 (|1|${host}|${port}|)`,
          `229 x${numbers(chance)}`,
        ])
      : chance.pick([
          `227 Entering Passive Mode (${address},${port >> 8},${port & 255})`,
          `227 =${address},${port >> 8},${port & 255}`,
          `227 (${numbers(chance)})`,
          "227 Logout.",
        ]);
    say(control, "server", chance.in(0.1) ? "500 no" : granted, chance);
  } else {
    const command = chance.in(0.5)
      ? `PORT ${host.includes(":") ? numbers(chance) : host.replaceAll(".", ",")},${port >> 8},${port & 255}`
      : `EPRT ${chance.pick(["|", "!", "/"])}${host.includes(":") ? 2 : 1}|${host}|${port}|`;
    say(control, "client", command, chance);
    say(control, "server", chance.pick(["200 ok", "200 ok", "500 Illegal PORT", "425 x"]), chance);
  }
  if (port > 0 && chance.in(0.7)) {
    const ends = passive
      ? { client: `${client}:${chance.between(1, 65_535)}`, server: `${server}:${port}`, originator: "client" as const }
      : { client: `${client}:${port}`, server: `${server}:20`, originator: "server" as const };
    if (chance.in(0.2)) net.synUnanswered({ ...ends, retries: chance.below(6) });
    else if (chance.below(5) === 0) net.synRefused(ends);
    else {
      const data = net.connect(ends);
      if (chance.in(0.3)) data.tls({ version: chance.pick(["1.2", "1.3"] as const) }, chance.below(6));
      say(control, "client", `${chance.pick(["RETR", "STOR", "LIST", "MLSD"])} ${strangeText(chance)}`, chance);
      say(control, "server", `150 Opening (${chance.word()} bytes).`, chance);
      if (chance.in(0.8))
        data.data(chance.pick(["client", "server"] as const), chance.skewed(60_000), { acked: chance.in(0.8) });
      if (chance.in(0.2)) data.say("server", rawBytes(strangeText(chance)));
      if (chance.in(0.1)) data.zeroWindow("client");
      if (chance.in(0.6)) data.finish(chance.pick(["client", "server"] as const));
      else if (chance.in(0.5)) data.reset(chance.pick(["client", "server"] as const));
    }
  }
  if (chance.in(0.8)) say(control, "server", `${reply(chance)} done`, chance);
}

/** A line in one piece or several, with or without its end, sometimes with Telnet bytes in it. */
function say(control: Connection, side: Side, text: string, chance: Chance): void {
  let bytes = rawBytes(`${text}${chance.in(0.9) ? "\r\n" : chance.pick(["\n", "\r", "", "\r\r\n", "\0\r\n"])}`);
  if (chance.in(0.05)) {
    const at = chance.below(bytes.length + 1);
    const telnet = chance.pick([[0xff, 0xf4, 0xff, 0xf2], [0xff, 0xfb, 1], [0xff, 0xff], [0xff]]);
    bytes = Uint8Array.from([...bytes.subarray(0, at), ...telnet, ...bytes.subarray(at)]);
  }
  if (bytes.length === 0) return;
  if (chance.in(0.1)) {
    const at = chance.below(bytes.length);
    if (at > 0) control.say(side, bytes.subarray(0, at));
    control.say(side, bytes.subarray(at));
  } else control.say(side, bytes, { gso: chance.in(0.2) });
  if (chance.in(0.05)) control.retransmit(side, { times: chance.between(1, 4) });
}

function disturb(net: CaptureBuilder, chance: Chance): void {
  for (let i = chance.skewed(8); i > 0 && net.last > 1; i--) {
    const number = chance.between(1, net.last);
    switch (chance.below(4)) {
      case 0:
        net.drop(number);
        break;
      case 1:
        net.duplicate(number);
        break;
      case 2:
        net.move(number, chance.between(-Math.min(4, number - 1), Math.min(4, net.last - number)));
        break;
      default:
        net.fragment(number, chance.pick([8, 16, 24, 64, 512]));
    }
  }
}

/** The same few lines `count` times on one control connection: time must grow with `count` and no faster. */
export function monotony(chance: Chance, count: number): Uint8Array {
  const net = new CaptureBuilder();
  const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21", timestamps: false });
  control.server("220 ready\r\n");
  const lines = Array.from({ length: chance.between(1, 5) }, () => ({
    side: chance.in(0.5) ? ("client" as const) : ("server" as const),
    text: chance.pick([
      () => `${chance.pick(VERBS)}`,
      () =>
        `${chance.pick(VERBS)} ${chance.pick(["a", "I", "10,0,0,5,195,80", "|1|10.0.0.5|50000|", "x".repeat(200)])}`,
      () => "227 Entering Passive Mode (203,0,113,5,195,80)",
      () => "229 Entering Extended Passive Mode (|||50000|)",
      () => `${reply(chance)}${chance.pick([" ", "-"])}x`,
      () => "150 Opening",
      () => "425 no",
      () => "550 no",
    ])(),
  }));
  const ownSyns = chance.in(0.3);
  for (let i = 0; i < count; i++) {
    for (const { side, text } of lines) control.say(side, `${text}\r\n`);
    if (ownSyns)
      net.segment({ from: `192.0.2.10:${1024 + (i % 60_000)}`, to: "203.0.113.5:50000", flags: "S", seq: i });
  }
  return net.build();
}
