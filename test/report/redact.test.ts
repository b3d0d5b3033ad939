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
import { createSessionWriter } from "../../src/report/session-text.ts";
import { CaptureBuilder } from "../support/capture-builder.ts";

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

  test("those whose class says all of them stay", () => {
    for (const address of ["127.0.0.1", "::1", "0.0.0.0", "255.255.255.255", "224.0.0.1"])
      assert.equal(permutation.replace(address), address);
  });
});
