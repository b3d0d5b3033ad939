import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { createAnalyzer } from "../src/analyze.ts";
import type { Conversation } from "../src/conversation.ts";
import { MAX_CONVERSATION_EVENTS } from "../src/conversation-record.ts";
import { Dialogue, OTHER, SERVER } from "./diagnose/dialogue.ts";
import { CaptureBuilder } from "./support/capture-builder.ts";

/** The conversations of a recording, by session. Expected values were read off the packets with tshark. */
function conversations(name: string): Conversation[] {
  return conversationsOf(new Uint8Array(readFileSync(`fixtures/${name}`)));
}

function conversationsOf(bytes: Uint8Array): Conversation[] {
  const found: Conversation[] = [];
  const analyzer = createAnalyzer({ onSession: (_session, conversation) => found.push(conversation()) });
  const capture = analyzer.beginCapture("capture");
  capture.push(bytes);
  capture.end();
  analyzer.finish();
  return found;
}

function told({ events }: Conversation): string[] {
  return events.map(({ place, from, to, channel, text }) => `${place.packet} ${from}>${to} ${channel ?? "-"} ${text}`);
}

describe("what the ends of a session did", () => {
  test("words, the lost SYN, and both FINs, in order, with packet numbers", () => {
    const [conversation] = conversations("pasv-cleartext-private-address-client.pcap");
    assert.deepEqual(told(conversation), [
      "3 client>server - SYN to port 21",
      "4 server>client - SYN-ACK",
      "6 server>client - 220 (vsFTPd 3.0.3)",
      "8 client>server - USER anonymous",
      "10 server>client - 331 Please specify the password.",
      "11 client>server - PASS",
      "12 server>client - 230 Login successful.",
      "13 client>server - PWD",
      '14 server>client - 257 "/" is the current directory',
      "15 client>server 1 PASV",
      "16 server>client 1 227 Entering Passive Mode (10,20,30,40,195,83).",
      "18 client>between 1 SYN to 10.20.30.40:50003",
      "26 client>between 1 SYN again (7 in 7.1 s), never answered",
      "27 client>server - FIN",
      "28 server>client - FIN",
    ]);
    assert.deepEqual(conversation.leftOut, []);
    assert.ok(conversation.events.every(({ at }, i, all) => i === 0 || at >= all[i - 1].at));
  });

  test("a RST of a third host that PORT names is that host's: nothing tells how far away it is", () => {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.active(50110, OTHER);
    ftp.ask("RETR data.bin");
    const ends = { client: `${OTHER}:50110`, server: `${SERVER}:36551`, originator: "server" } as const;
    const { syn, reset } = ftp.net.synRefused({ ...ends, ttl: 64 });
    ftp.control.server("425 Unable to build data connection: Connection refused\r\n");
    const lines = told(conversationsOf(ftp.quit().net.build())[0]);
    assert.ok(lines.includes(`${syn} server>client 1 SYN to ${OTHER}:50110`), lines.join("\n"));
    assert.ok(lines.includes(`${reset} client>server 1 RST from ${OTHER}`), lines.join("\n"));
  });

  test("a RST that a device between sent, and an ICMP error, come from between", () => {
    const [rejected] = conversations("pasv-cleartext-rejected-client.pcap");
    assert.ok(told(rejected).includes("17 client>between 1 SYN to 93.190.70.26:50004"));
    assert.ok(told(rejected).includes("18 between>client 1 RST in the server's name"));
    const [prohibited] = conversations("pasv-cleartext-icmp-prohibited-client.pcap");
    assert.ok(
      told(prohibited).includes(
        "20 between>client 1 ICMP type 3 code 13 from 217.71.96.2: communication administratively prohibited",
      ),
    );
  });

  test("runs of TLS records are one event each way, and active mode turns the data connection round", () => {
    const [conversation] = conversations("port-explicit-tls-ok-client.pcap");
    const tls = conversation.events.filter(({ kind, onData }) => kind === "tls" && !onData).map(({ text }) => text);
    // The hello is in the first of its side's records, and so no event beside them.
    assert.match(tls[0] ?? "", /^TLS ClientHello, 1 record, \d+ bytes$/);
    assert.match(tls[1] ?? "", /^TLS ServerHello, \d records, \d+ bytes$/);
    assert.match(tls[2] ?? "", /^\d TLS records?, \d+ bytes$/);
    const syn = conversation.events.find(({ kind, channel }) => kind === "syn" && channel === 1);
    assert.equal(syn?.from, "server");
    const data = conversation.events.filter(({ kind, channel }) => kind === "data" && channel === 1);
    assert.ok(data.length > 0);
  });

  test("the data of a connection has a first and a last packet", () => {
    const [stalled] = conversations("pasv-cleartext-stalled-client.pcap");
    const data = told(stalled).filter((line) => line.includes("bytes") && line.includes("server>client 1"));
    assert.deepEqual(data, [
      "21 server>client 1 150 Opening BINARY mode data connection for data.bin (40000 bytes).",
      "22 server>client 1 18,824 bytes in 13 packets",
      "46 server>client 1 the last of the 18,824 bytes",
    ]);
  });

  test("an alert on the data connection is told as one", () => {
    const alerts = (capture: string) =>
      told(conversations(capture)[0]).filter((line) => / 1 /.test(line) && /alert|last of/.test(line));
    assert.deepEqual(alerts("pasv-explicit-tls-data-certificate-rejected-server.pcap"), [
      "38 client>server 1 TLS alert: fatal unknown_ca (48), last of 524 bytes",
    ]);
    assert.deepEqual(alerts("port-explicit-tls-data-hello-missing-server.pcap"), [
      "46 server>client 1 TLS alert: fatal decode_error (50)",
    ]);
    assert.deepEqual(alerts("pasv-explicit-tls-version-1-2-ok-server.pcap"), [
      "37 server>client 1 TLS alert, encrypted, last of 1,088 bytes",
      "40 client>server 1 TLS alert, encrypted, last of 641 bytes",
    ]);
    // TLS 1.3 hides what it is, but not how long.
    assert.deepEqual(alerts("pasv-explicit-tls-ok-client.pcap"), [
      "49 server>client 1 alert-sized TLS record, last of 903 bytes",
      "51 client>server 1 alert-sized TLS record, last of 704 bytes",
    ]);
  });

  test("words that are repeated in vain are told at their first repetition", () => {
    const [idle] = conversations("control-cleartext-idle-between-client.pcap");
    assert.deepEqual(
      told(idle)
        .filter((line) => /TYPE A|repeated/.test(line))
        .slice(-2),
      ["29 client>server - TYPE A", "30 client>between - repeated 5 times in 3.1 s, never acknowledged"],
    );
  });

  test("a long session keeps its beginning, its end, and the channel that failed in the middle", () => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: "192.0.2.10:40000", server: "203.0.113.5:21" });
    control.server("220 ready\r\n");
    const chatter = (count: number) => {
      for (let i = 0; i < count; i++) {
        control.client("NOOP\r\n");
        control.server("200 yes\r\n");
      }
    };
    chatter(300);
    control.client("PASV\r\n");
    control.server("227 Entering Passive Mode (10,0,0,5,195,80)\r\n");
    net.synUnanswered({ client: "192.0.2.10:40001", server: "10.0.0.5:50000" });
    chatter(400);
    control.finish("client");
    const [{ events, leftOut }] = conversationsOf(net.build());
    const texts = events.map(({ text }) => text);
    assert.ok(events.length <= MAX_CONVERSATION_EVENTS);
    assert.equal(texts[0], "SYN to port 21");
    assert.equal(texts.at(-1), "FIN");
    const failed = texts.indexOf("PASV");
    assert.deepEqual(texts.slice(failed - 1, failed + 3), [
      "200 yes",
      "PASV",
      "227 Entering Passive Mode (10,0,0,5,195,80)",
      "SYN to 10.0.0.5:50000",
    ]);
    assert.equal(leftOut.length, 2);
    // SYN, SYN-ACK, greeting, 1400 words of chatter, PASV, 227, two events for the SYNs, two FINs
    const all = 3 + 2 * 300 + 2 * 400 + 4 + 2;
    assert.equal(events.length + leftOut[0].count + leftOut[1].count, all);
    for (const { before, count } of leftOut) {
      const [last, next] = [events[before - 1], events[before]];
      assert.ok(next.place.packet - last.place.packet > count);
    }
  });
});
