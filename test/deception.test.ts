import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Analysis, DataChannel } from "../src/analysis.ts";
import { type AnalyzeOptions, analyzeCapture } from "../src/analyze.ts";
import { ethernet, ipv4, udp } from "./decode/frame-bytes.ts";
import { CaptureBuilder, type CaptureOptions, type Connection } from "./support/capture-builder.ts";

/**
 * What TCP and IP allow an attacker to show to an observer and not to the host, or differently. What counts is what the receiving host
 * believed; where that cannot be known, an anomaly says so.
 */

const CLIENT = "192.0.2.10:40000";
const SERVER = "203.0.113.5:21";
const GRANT = "227 Entering Passive Mode (203,0,113,5,195,80)\r\n";
/** As long as the grant, and of another host. */
const FORGED = "227 Entering Passive Mode (198,51,100,9,19,136)\r\n"
  .slice(0, GRANT.length - 2)
  .padEnd(GRANT.length - 2);

interface Deceived {
  readonly net: CaptureBuilder;
  readonly control: Connection;
}

/** A passive transfer that works; `deceive` runs where it says. */
function transfer(
  deceive: Partial<Record<"greeted" | "granted" | "transferring" | "finished", (where: Deceived) => void>>,
  options: CaptureOptions = {},
): Uint8Array {
  const net = new CaptureBuilder(options);
  const control = net.connect({ client: CLIENT, server: SERVER });
  const where = { net, control };
  control.server("220 ready\r\n");
  deceive.greeted?.(where);
  control.client("USER anonymous\r\n");
  control.server("230 in\r\n");
  control.client("PASV\r\n");
  control.server(GRANT);
  deceive.granted?.(where);
  control.client("RETR file\r\n");
  const data = net.connect({ client: "192.0.2.10:40001", server: "203.0.113.5:50000" });
  control.server("150 here\r\n");
  deceive.transferring?.(where);
  data.serverData(4000);
  data.finish("server");
  control.server("226 done\r\n");
  control.client("QUIT\r\n");
  control.server("221 bye\r\n");
  control.finish("server");
  deceive.finished?.(where);
  return net.build();
}

function analysed(capture: Uint8Array, options: AnalyzeOptions = {}): { analysis: Analysis; channel: DataChannel } {
  const analysis = analyzeCapture(capture, options);
  assert.equal(analysis.sessions.length, 1);
  assert.equal(analysis.sessions[0].dataChannels.length, 1);
  return { analysis, channel: analysis.sessions[0].dataChannels[0] };
}

function countOf({ anomalies }: Analysis, code: string): number {
  return anomalies.find((anomaly) => anomaly.code === code)?.count ?? 0;
}

/** It worked, to the address that the server named, whatever was shown beside. */
function assertBelieved(capture: Uint8Array, anomaly: string, options: AnalyzeOptions = {}): Analysis {
  const { analysis, channel } = analysed(capture, options);
  assert.equal(channel.outcome, "ok");
  assert.deepEqual(channel.negotiation?.advertised, { address: "203.0.113.5", port: 50_000 });
  assert.deepEqual(channel.transfer?.replies, [150, 226]);
  assert.equal(analysis.sessions[0].control.outcome, "ok");
  assert.equal(countOf(analysis, anomaly), 1, anomaly);
  return analysis;
}

const FAR = 0x4000_0000;

/** A segment as if the server had sent it, `away` from where its stream is. */
const spoofed =
  (flags: string, away: number, payload = "", options: { checksum?: "wrong" } = {}) =>
  ({ net, control }: Deceived) => {
    const { seq, ack } = control.position("server");
    net.segment({ from: SERVER, to: CLIENT, flags, seq: (seq + away) >>> 0, ack, payload, ttl: 57, ...options });
  };

/** A session that a RST ends while the server owes an answer; the capture goes on for a minute. */
function resetBeforeGrant(options: { checksum?: "wrong" }): Uint8Array {
  const net = new CaptureBuilder();
  const control = net.connect({ client: CLIENT, server: SERVER });
  control.server("220 ready\r\n");
  control.client("USER anonymous\r\n");
  control.server("230 in\r\n");
  control.client("PASV\r\n");
  spoofed("RA", 0, "", options)({ net, control });
  net.wait(60_000);
  net.udp({ from: "192.0.2.10:5353", to: "203.0.113.9:53", payload: "x" });
  return net.build();
}

describe("TCP", () => {
  it("does not believe a RST out of window", () => {
    assertBelieved(transfer({ granted: spoofed("R", FAR) }), "tcp-out-of-window");
    assertBelieved(transfer({ granted: spoofed("RA", -FAR) }), "tcp-out-of-window");
  });

  it("believes a RST in window: the client did", () => {
    assert.equal(analyzeCapture(resetBeforeGrant({})).sessions[0].control.outcome, "failed");
  });

  it("does not believe a FIN out of window", () => {
    assertBelieved(transfer({ granted: spoofed("FA", FAR) }), "tcp-out-of-window");
  });

  it("does not believe words out of window", () => {
    assertBelieved(transfer({ granted: spoofed("PA", FAR, "421 go away\r\n") }), "tcp-out-of-window");
  });

  it("takes the first of two segments that disagree, and says that there was another", () => {
    assert.equal(FORGED.length, GRANT.length - 2);
    const again = ({ net, control }: Deceived) => {
      const { seq, ack } = control.position("server");
      net.segment({ from: SERVER, to: CLIENT, flags: "PA", seq: seq - GRANT.length, ack, payload: `${FORGED}\r\n` });
    };
    assertBelieved(transfer({ granted: again }), "tcp-overlap-differs");
  });

  it("says that early and late copies of the same bytes disagree", () => {
    const early = ({ net, control }: Deceived) => {
      const { seq, ack } = control.position("server");
      // Behind what comes next, and then not what comes there.
      net.segment({ from: SERVER, to: CLIENT, flags: "PA", seq: seq + 4, ack, payload: "no\r\n" });
    };
    const { analysis } = analysed(transfer({ transferring: early }));
    assert.equal(countOf(analysis, "tcp-overlap-differs"), 1);
  });

  it("takes data in a SYN once, whether or not the server kept it", () => {
    const net = new CaptureBuilder();
    const seq = 1000;
    net.segment({ from: CLIENT, to: SERVER, flags: "S", seq, payload: "USER anonymous\r\n" });
    net.segment({ from: SERVER, to: CLIENT, flags: "SA", seq: 5000, ack: seq + 1 });
    net.segment({ from: CLIENT, to: SERVER, flags: "A", seq: seq + 1, ack: 5001 });
    net.segment({ from: SERVER, to: CLIENT, flags: "PA", seq: 5001, ack: seq + 1, payload: "220 ready\r\n" });
    net.segment({ from: CLIENT, to: SERVER, flags: "PA", seq: seq + 1, ack: 5012, payload: "USER anonymous\r\n" });
    net.segment({
      from: SERVER,
      to: CLIENT,
      flags: "PA",
      seq: 5012,
      ack: seq + 17,
      payload: "530 Login incorrect.\r\n",
    });
    const { control } = analyzeCapture(net.build()).sessions[0];
    assert.equal(control.user, "anonymous");
    assert.equal(control.cause, "login-failed");
  });

  it("is not confused by windows that open and close", () => {
    const games = ({ net, control }: Deceived) => {
      for (let i = 0; i < 20; i++) {
        control.zeroWindow(i % 2 === 0 ? "client" : "server");
        net.wait(10);
        control.ack(i % 2 === 0 ? "client" : "server");
      }
    };
    const { channel } = analysed(transfer({ transferring: games }));
    assert.equal(channel.outcome, "ok");
  });

  it("takes duplicates with other TTLs for copies, not for retransmissions", () => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: CLIENT, server: SERVER });
    control.server("220 ready\r\n");
    control.client("QUIT\r\n");
    control.server("221 bye\r\n");
    control.finish("server");
    net.edit((packets) =>
      packets.flatMap((packet) => {
        const datagram = packet.datagram.slice();
        datagram[8]! -= 1;
        return [packet, { ...packet, datagram, time: packet.time + 50_000n }];
      }),
    );
    const [session] = analyzeCapture(net.build()).sessions;
    assert.deepEqual(session.control.limits, ["duplicates"]);
    assert.equal(session.control.outcome, "ok");
  });

  it("leaves out wrong checksums only when asked: a sender's own packets have them too", () => {
    const reset = resetBeforeGrant({ checksum: "wrong" });
    assert.equal(analyzeCapture(reset).sessions[0].control.outcome, "failed");
    const { sessions, anomalies } = analyzeCapture(reset, { verifyChecksums: true });
    assert.deepEqual(
      anomalies.map(({ code, count }) => [code, count]),
      [["tcp-checksum-wrong", 1]],
    );
    assert.notEqual(sessions[0].control.outcome, "failed");
  });
});

describe("IP", () => {
  it("says that fragments never became a datagram", () => {
    const incomplete = ({ net, control }: Deceived) => {
      const { seq, ack } = control.position("client");
      const number = net.segment({ from: CLIENT, to: SERVER, flags: "PA", seq, ack, payload: "x".repeat(100) });
      const [, ...rest] = net.fragment(number, 24);
      net.drop(rest[0]!);
    };
    const { analysis, channel } = analysed(transfer({ finished: incomplete }));
    assert.equal(channel.outcome, "ok");
    assert.equal(countOf(analysis, "fragments-dropped"), 1);
  });

  it("keeps datagrams apart that reuse an Identification", () => {
    const reused = ({ net, control }: Deceived) => {
      for (let i = 0; i < 3; i++) {
        const { seq, ack } = control.position("client");
        const payload = `NOOP ${"x".repeat(60)}${i}\r\n`;
        control.segment("client", { flags: "PA", seq, ack, payload, ipId: 7 });
        net.fragment(net.last, 32);
        control.server("200 ok\r\n");
      }
    };
    const { analysis, channel } = analysed(transfer({ greeted: reused }));
    assert.equal(channel.outcome, "ok");
    assert.deepEqual(
      analysis.anomalies.filter(({ code }) => code.startsWith("fragment")),
      [],
    );
  });

  it("takes the two directions of a session for one, also in different VLANs", () => {
    const net = new CaptureBuilder({ vlan: 10 });
    const control = net.connect({ client: CLIENT, server: SERVER });
    control.server("220 ready\r\n");
    control.client("QUIT\r\n");
    control.server("221 bye\r\n");
    control.finish("server");
    net.edit((packets) =>
      packets.map((packet, i) => (packet.outgoing ? packet : { ...packet, vlans: [20, 30 + (i % 2)] })),
    );
    const { sessions } = analyzeCapture(net.build());
    assert.equal(sessions.length, 1);
    assert.equal(sessions[0].control.outcome, "ok");
    assert.ok(!sessions[0].control.limits.includes("one-sided"));
  });

  it("counts a packet once that is seen inside a tunnel and outside of it", () => {
    const net = new CaptureBuilder();
    const control = net.connect({ client: CLIENT, server: SERVER });
    control.server("220 ready\r\n");
    control.client("QUIT\r\n");
    control.server("221 bye\r\n");
    control.finish("server");
    const bare = analyzeCapture(net.build()).sessions[0];
    const vxlan = [0x08, 0, 0, 0, 0, 0, 9, 0];
    net.edit((packets) =>
      packets.flatMap((packet) => {
        const inner = [...vxlan, ...ethernet(0x0800, [...packet.datagram])];
        const outer = { source: [10, 0, 0, 1], destination: [10, 0, 0, 2], protocol: 17 };
        const datagram = Uint8Array.from(ipv4(outer, udp(50_000, 4789, inner)));
        return [packet, { ...packet, datagram, time: packet.time + 20_000n }];
      }),
    );
    const { sessions } = analyzeCapture(net.build());
    assert.equal(sessions.length, 1);
    const { limits, outcome } = sessions[0].control;
    assert.deepEqual(limits, [...bare.control.limits, "duplicates"]);
    assert.equal(outcome, bare.control.outcome);
    assert.equal(sessions[0].id, bare.id);
  });
});
