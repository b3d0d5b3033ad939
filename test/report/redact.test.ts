import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { classifyAddress } from "../../src/address.ts";
import type { AnalysisSummary, Session } from "../../src/analysis.ts";
import { createAnalyzer } from "../../src/analyze.ts";
import type { Conversation } from "../../src/conversation.ts";
import { OUTPUT_FORMAT_NAMES, OUTPUT_FORMATS } from "../../src/report/formats.ts";
import { createHtmlWriter } from "../../src/report/html.ts";
import { redactingWriter } from "../../src/report/redact.ts";
import { AddressPermutation } from "../../src/report/redact-address.ts";
import { REDACTABLE } from "../../src/report/redactable.ts";
import { safeText } from "../../src/report/safe-text.ts";
import { createSessionWriter } from "../../src/report/session-text.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";
import { CONVERSATION, SAMPLES, summaryOf } from "./sample-analysis.ts";

const KEY = new Uint8Array(32).fill(7);
const OTHER_KEY = new Uint8Array(32).fill(8);

interface Report {
  readonly sessions: readonly { readonly session: Session; readonly conversation: Conversation }[];
  readonly summary: AnalysisSummary;
}

function analyze(name: string): Report {
  return reportOf(new Uint8Array(readFileSync(`fixtures/${name}`)), name);
}

function reportOf(bytes: Uint8Array, name = "capture"): Report {
  const sessions: { session: Session; conversation: Conversation }[] = [];
  const analyzer = createAnalyzer({
    keepSessions: false,
    onSession: (session, conversation) => sessions.push({ session, conversation: conversation() }),
  });
  const capture = analyzer.beginCapture(name);
  capture.push(bytes);
  capture.end();
  return { sessions, summary: analyzer.finish() };
}

async function rendered(
  { sessions, summary }: Report,
  format: (typeof OUTPUT_FORMAT_NAMES)[number] | "html",
  key = KEY,
) {
  const options = { width: 80, colour: false };
  const create = format === "html" ? createHtmlWriter : await OUTPUT_FORMATS[format].load();
  const writer = redactingWriter(create(options), REDACTABLE, key);
  return [
    writer.begin(),
    ...sessions.map(({ session, conversation }) => writer.session(session, () => conversation)),
    writer.end(summary),
  ].join("");
}

/** Each address, user and path that a report may name. */
function secretsOf({ sessions, summary }: Report): string[] {
  const secrets = new Set<string>(summary.captures.map(({ name }) => name));
  for (const { session } of sessions) {
    const { control, dataChannels } = session;
    for (const { address } of [control.client, control.server]) secrets.add(address);
    if (control.user !== null) secrets.add(control.user);
    for (const { negotiation, transfer, connection } of dataChannels) {
      if (negotiation?.advertised?.address) secrets.add(negotiation.advertised.address);
      if (transfer?.path && transfer.path.length > 2) secrets.add(transfer.path);
      for (const { address } of connection ? [connection.originator, connection.responder] : []) secrets.add(address);
    }
  }
  // 0.0.0.0 and its like name nobody, and 19x.0.0.0 may hold them.
  const naming = [...secrets].filter((secret) => !/^(?:0\.0\.0\.0|127\.0\.0\.1|::1?)$/.test(secret));
  return naming.flatMap((secret) => (secret.includes(".") ? [secret, secret.replaceAll(".", ",")] : [secret]));
}

describe("--redact", () => {
  for (const format of [...OUTPUT_FORMAT_NAMES, "html"] as const)
    test(`${format}: no address, user, path or file name of any fixture is left`, async () => {
      for (const name of readdirSync("fixtures").filter((file) => /\.pcap(ng)?$/.test(file))) {
        const report = analyze(name);
        const text = await rendered(report, format);
        for (const secret of secretsOf(report)) assert.ok(!text.includes(secret), `${name}: ${secret}`);
      }
    });

  test("one key gives one report, another key another, and outcomes stay", async () => {
    const report = analyze("pasv-cleartext-private-address-client.pcap");
    const [first, again, other] = await Promise.all([KEY, KEY, OTHER_KEY].map((key) => rendered(report, "json", key)));
    assert.equal(again, first);
    assert.notEqual(other, first);
    const [before] = report.sessions[0].session.dataChannels;
    const [after] = JSON.parse(first).sessions[0].dataChannels;
    assert.deepEqual(
      [after.outcome, after.cause, after.negotiation.addressClass],
      [before.outcome, before.cause, "private"],
    );
    assert.equal(classifyAddress(after.negotiation.advertised.address), "private");
  });

  test("a conversation names no directory, no user that was refused, and no path that only a reply names", () => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21" });
    control.server("220 ready\r\n");
    for (const [command, reply] of [
      ["USER al", "530 no"],
      ["USER mallory", "230 Hello mallory"],
      ["PWD", '257 "/home/mallory dir" is the current directory'],
      ["CWD projects/merger", "250 Now in /home/mallory/projects/merger"],
      ["MKD x", '257 "x" created'],
      ["TYPE I", "200 binary"],
      ["PASV", "227 Entering Passive Mode (10,0,0,5,195,80)"],
    ] as const) {
      control.client(`${command}\r\n`);
      control.server(`${reply}\r\n`);
    }
    net.synUnanswered({ client: "192.0.2.10:40001", server: "10.0.0.5:50000" });
    control.finish("client");
    const report = reportOf(net.build());
    const writer = redactingWriter(
      createSessionWriter(() => true, { width: 200, colour: false }),
      REDACTABLE,
      KEY,
    );
    const text = report.sessions
      .map(({ session, conversation }) => writer.session(session, () => conversation))
      .join("");
    assert.doesNotMatch(text, /USER al|mallory|merger|projects|MKD x|"x"|10[.,]0[.,]0[.,]5/);
    for (const kept of [/USER user-[0-9a-f]{12}/, /CWD path-/, /257 "path-/, /250 Now in path-/, /TYPE I/])
      assert.match(text, kept);
  });

  /** What the first channel of a real session says once this is said in it, with these kinds hidden. */
  function redactedChannel(
    what: readonly (typeof REDACTABLE)[number][],
    said: { says: string; user?: string; path?: string },
  ) {
    const [{ session }] = analyze("pasv-cleartext-private-address-client.pcap").sessions;
    const [channel] = session.dataChannels;
    const { says, user = "alice", path = "deep/merger.doc" } = said;
    let redacted: Session | undefined;
    const writer = redactingWriter(
      {
        begin: () => "",
        session: (shown) => {
          redacted = shown;
          return "";
        },
        end: () => "",
      },
      what,
      KEY,
    );
    writer.session({
      ...session,
      control: { ...session.control, user },
      dataChannels: [
        {
          ...channel,
          transfer: { verb: "RETR", path, replies: [425], commandPacket: 9 },
          evidence: [{ capture: 0, packet: 9, says }],
        },
      ],
    });
    const { control, dataChannels } = redacted!;
    return { says: dataChannels[0].evidence[0].says, user: control.user, path: dataChannels[0].transfer!.path };
  }

  test("evidence quotes no file without its directory, no absolute path and no user, and its own words stay", () => {
    const { says, path } = redactedChannel(REDACTABLE, {
      says: 'RETR answered by reply "550 /srv/alice/merger.doc: alice may not read merger.doc"',
      user: "alice",
    });
    assert.match(path!, /^path-[0-9a-f]{12}$/);
    assert.match(
      says,
      /^RETR answered by reply "550 path-[0-9a-f]{12} user-[0-9a-f]{12} may not read path-[0-9a-f]{12}"$/,
    );
    // A token in the place of a known word would tell which user it stands for.
    const known = redactedChannel(REDACTABLE, { says: 'answered by reply "530 no"', user: "answered" });
    assert.equal(known.says, 'answered by reply "530 no"');
  });

  test("a user is hidden in a path that stays, an address in a user that stays", () => {
    const byUser = redactedChannel(["user"], { says: "x", path: "/home/alice/alice2.txt" });
    assert.match(byUser.path!, /^\/home\/user-[0-9a-f]{12}\/alice2\.txt$/);
    const byAddress = redactedChannel(["address"], { says: "x", user: "bob@10.0.0.5", path: "from-10.0.0.5.log" });
    assert.match(byAddress.user!, /^bob@10\.\d+\.\d+\.\d+$/);
    assert.notEqual(byAddress.user, "bob@10.0.0.5");
    assert.equal(byAddress.path, `from-${byAddress.user!.slice(4)}.log`);
  });

  test("addresses are found as they stand in sentences, in replies, and badly written", () => {
    const replace = (says: string) => redactedChannel(["address"], { says }).says;
    const ipv4 = new AddressPermutation(KEY).replace("10.0.0.5");
    const ipv6 = new AddressPermutation(KEY).replace("2001:db8::1");
    for (const [text, expected] of [
      ["no answer from 10.0.0.5:21.", `no answer from ${ipv4}:21.`],
      ["host10.0.0.5x", `host${ipv4}x`],
      ["010.000.000.005", ipv4],
      ["from 2001:db8::1: refused", `from ${ipv6}: refused`],
      ["EPRT |2|2001:DB8::1|50000|", `EPRT |2|${ipv6}|50000|`],
      ["IPv6:2001:db8::1", `IPv6:${ipv6}`],
      ["[2001:db8:0::1]:21", `[${ipv6}]:21`],
      ["::ffff:10.0.0.5", `::ffff:${ipv4}`],
      ["227 (10,0,0,5,195,80)", `227 (${ipv4.replaceAll(".", ",")},195,80)`],
      ["227 (10, 0, 0, 5, 195, 80)", `227 (${ipv4.replaceAll(".", ",")}, 195, 80)`],
      ["227 (10,0,0,5,195)", `227 (${ipv4.replaceAll(".", ",")},195)`],
      ["227 (10,0,0,451,195,80)", "227 (x,x,x,x,195,80)"],
      // RFC 1639.
      ["LPRT 4,4,10,0,0,5,2,195,80", `LPRT 4,4,${ipv4.replaceAll(".", ",")},2,195,80`],
      ["at 10:20:30, 00:11:22:33:44:55", "at 10:20:30, 00:11:22:33:44:55"],
    ])
      assert.equal(replace(text), expected, text);
  });

  test("what looks like endless addresses, numbers or paths is read in one go", () => {
    for (const part of ["::", "a:", "1.", "1,", "/", '"', '257 "', "\\x "]) {
      const text = part.repeat(20_000);
      assert.ok(redactedChannel(REDACTABLE, { says: `"${text}"`, path: text }).says.length > 0);
    }
  });

  test("hostile users and paths are as hidden as others, in every format", async () => {
    const sessions = SAMPLES.hostile.sessions.map((session) => ({
      // Its server calls itself like one of the paths.
      session: { ...session, control: { ...session.control, serverSoftware: null } },
      conversation: CONVERSATION,
    }));
    for (const format of [...OUTPUT_FORMAT_NAMES, "html"] as const) {
      const text = await rendered({ sessions, summary: summaryOf(SAMPLES.hostile) }, format);
      for (const { transfer } of SAMPLES.hostile.sessions[0].dataChannels) {
        // As safe-text.ts would show it, and as far as any format shows a long one.
        const shown = safeText(transfer!.path!).slice(0, 20);
        assert.ok(!text.includes(shown) && !text.includes(JSON.stringify(shown).slice(1, -1)), `${format}: ${shown}`);
      }
      if (["ecs", "ocsf", "ndjson"].includes(format)) for (const line of text.trim().split("\n")) JSON.parse(line);
    }
  });

  test("a user who is called like an outcome changes no outcome", async () => {
    const { sessions, summary } = analyze("pasv-cleartext-private-address-client.pcap");
    const [{ session, conversation }] = sessions;
    const named = { ...session, control: { ...session.control, user: "failed" } };
    const report = JSON.parse(await rendered({ sessions: [{ session: named, conversation }], summary }, "json"));
    assert.equal(report.sessions[0].dataChannels[0].outcome, "failed");
    assert.match(report.sessions[0].control.user, /^user-[0-9a-f]{12}$/);
  });
});

describe("addresses behind a key", () => {
  const permutation = new AddressPermutation(KEY);

  test("keep family and class, and never become one", () => {
    const classes = ["10.1.2.3", "172.20.1.1", "192.168.7.9", "100.64.3.4", "169.254.1.1", "93.190.70.26"];
    classes.push("2a06:4c80:3:1::26", "fd00:1::5", "fe80::1234");
    for (const address of classes) {
      const replaced = permutation.replace(address);
      assert.notEqual(replaced, address);
      assert.equal(classifyAddress(replaced), classifyAddress(address), address);
      assert.equal(replaced.includes(":"), address.includes(":"));
    }
    const all = Array.from({ length: 4096 }, (_, i) => permutation.replace(`192.168.${i >> 8}.${i & 255}`));
    assert.equal(new Set(all).size, 4096);
  });

  test("an IPv4 address is the same inside an IPv6 address, and the rest behind it is another", () => {
    const ipv4 = permutation.replace("10.0.0.5");
    assert.equal(permutation.replace("::ffff:10.0.0.5"), `::ffff:${ipv4}`);
    const hex = ipv4.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
    const words = [hex.slice(0, 2), hex.slice(2)].map((pair) => Number.parseInt(pair.join(""), 16).toString(16));
    assert.equal(permutation.replace("64:ff9b::a00:5"), `64:ff9b::${words.join(":")}`);
    const sixToFour = permutation.replace("2002:a00:5:1::1");
    assert.ok(sixToFour.startsWith(`2002:${words.join(":")}:`), sixToFour);
    assert.doesNotMatch(sixToFour, /:1::1$/);
  });

  test("link-local addresses beyond fe80::/64 and reserved ones do not stay", () => {
    for (const address of ["fe80:1::5", "240.1.2.3", "4000::1"]) {
      assert.notEqual(permutation.replace(address), address);
      assert.equal(classifyAddress(permutation.replace(address)), classifyAddress(address));
    }
  });

  test("those whose class says all of them stay", () => {
    for (const address of ["127.0.0.1", "::1", "0.0.0.0", "255.255.255.255", "224.0.0.1"])
      assert.equal(permutation.replace(address), address);
  });
});
