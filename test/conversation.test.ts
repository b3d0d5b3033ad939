import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { createAnalyzer } from "../src/analyze.ts";
import type { Conversation } from "../src/conversation.ts";

/** The conversations of a recording, by session. Expected values were read off the packets with tshark. */
function conversations(name: string): Conversation[] {
  const found: Conversation[] = [];
  const analyzer = createAnalyzer({ onSession: (_session, conversation) => found.push(conversation()) });
  const capture = analyzer.beginCapture(name);
  capture.push(new Uint8Array(readFileSync(`fixtures/${name}`)));
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
      "26 client>between 1 SYN again, the last of 7 in 7.1 s, never answered",
      "27 client>server - FIN",
      "28 server>client - FIN",
    ]);
    assert.deepEqual(conversation.leftOut, []);
    assert.ok(conversation.events.every(({ at }, i, all) => i === 0 || at >= all[i - 1].at));
  });

  test("a RST that a device between sent, and an ICMP error, come from between", () => {
    const [rejected] = conversations("pasv-cleartext-rejected-client.pcap");
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
    assert.ok(conversation.events.some(({ kind, text }) => kind === "tls" && text === "TLS ClientHello"));
    const syn = conversation.events.find(({ kind, channel }) => kind === "syn" && channel === 1);
    assert.equal(syn?.from, "server");
    const data = conversation.events.filter(({ kind, channel }) => kind === "data" && channel === 1);
    assert.ok(data.length > 0);
  });
});
