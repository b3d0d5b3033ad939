import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT6, Dialogue, judges, ROUTER, SERVER, SERVER6, shows } from "../dialogue.ts";
import { LEAST_TTL } from "../thresholds.ts";

const CAUSE = "icmp-prohibited";
const ROUTER6 = "2001:db8:ffff::1";

/** One SYN to the passive port, and an ICMP error about it. */
function answeredByIcmp(from: string, type: number, code: number, quotedBytes?: number) {
  const ipv6 = from.includes(":");
  const ftp = new Dialogue(ipv6 ? { client: CLIENT6, server: SERVER6 } : {}).login();
  ftp.extended(50002);
  const [syn] = ftp.net.synUnanswered({ ...ftp.ends(50002), retries: 0 });
  const icmp = ftp.net.icmpError({ from, type, code, ...(quotedBytes ? { quotedBytes } : {}) });
  ftp.pause(4).quit();
  return { channel: ftp.channel(), syn, icmp };
}

test("each code that ends an attempt, IPv4 and IPv6, with the router that sent it", () => {
  for (const [from, type, codes] of [
    [ROUTER, 3, [0, 1, 2, 3, 9, 10, 13]],
    [ROUTER6, 1, [0, 1, 3, 4, 5, 6]],
  ] as const)
    for (const code of codes) {
      const { channel, syn, icmp } = answeredByIcmp(from, type, code);
      shows(channel, {
        outcome: "failed",
        cause: CAUSE,
        confidence: "certain",
        evidence: [syn, icmp],
        says: new RegExp(`type ${type} code ${code} from the router ${from.replaceAll(".", "\\.")}, TTL 60`),
      });
    }
});

test("a quote of 28 bytes is enough; the server's own firewall is named as the target", () => {
  const { channel, syn, icmp } = answeredByIcmp(SERVER, 3, 3, 28);
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [syn, icmp],
    says: /from the target 203\.0\.113\.5 itself/,
    remedy: /packet filter .* on the router or host that sent/,
  });
});

test("under TLS", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const [syn] = ftp.net.synUnanswered({ ...ftp.ends(50002), retries: 0 });
  const icmp = ftp.net.icmpError({ from: ROUTER, type: 3, code: 13 });
  ftp.pause(4).quitSealed();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [syn, icmp],
    contributing: ["control-encrypted"],
  });
});

test("under TLS, of a SYN to another host than the control connection: the 227 may have named it", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("PASV", ["227 Entering Passive Mode (198,51,100,77,195,82)."]);
  const [syn] = ftp.net.synUnanswered({ ...ftp.ends(50002, { address: "198.51.100.77" }), retries: 0 });
  const icmp = ftp.net.icmpError({ from: ROUTER, type: 3, code: 13 });
  ftp.pause(4).quitSealed();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [syn, icmp],
    contributing: ["control-encrypted"],
    alternatives: ["pasv-wrong-address"],
  });
});

test("time exceeded in transit: the packets go in a circle, and no rule of the server's network is the matter", () => {
  for (const [from, type] of [
    [ROUTER, 11],
    [ROUTER6, 3],
  ] as const) {
    const { channel, syn, icmp } = answeredByIcmp(from, type, 0);
    shows(channel, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [syn, icmp],
      says: /from the router \S+, TTL 60: time to live exceeded in transit$/,
      remedy: /^Packets to that port go in a circle/,
    });
    assert.equal(channel.remedy.length, 1);
    // The time that the fragments of something wait for one another is another matter.
    judges(answeredByIcmp(from, type, 1).channel, "undetermined");
  }
});

test("a SYN that was sent to be exceeded (traceroute by TCP), at both sides of the least TTL", () => {
  const sentWith = (ttl: number) => {
    const ftp = new Dialogue().login();
    ftp.extended(50002);
    ftp.net.synUnanswered({ ...ftp.ends(50002), retries: 0, ttl });
    ftp.net.icmpError({ from: ROUTER, type: 11, code: 0 });
    ftp.pause(4).quit();
    return ftp.channel().cause;
  };
  assert.equal(sentWith(LEAST_TTL), CAUSE);
  assert.notEqual(sentWith(LEAST_TTL - 1), CAUSE);
});

test("silent: too big (3/4, Packet Too Big) says nothing against the port", () => {
  for (const [from, type, code] of [
    [ROUTER, 3, 4],
    [ROUTER6, 2, 0],
  ] as const) {
    const ftp = new Dialogue(from === ROUTER6 ? { client: CLIENT6, server: SERVER6 } : {}).login();
    ftp.extended(50002);
    const syns = ftp.net.synUnanswered(ftp.ends(50002));
    ftp.net.icmpError({ from, type, code, quoting: syns[0] });
    ftp.quit();
    judges(ftp.channel(), "failed", "data-port-filtered");
  }
});

test("silent: the error quotes another connection, or the next SYN gets through", () => {
  const other = new Dialogue().login();
  other.extended(50002);
  other.net.synUnanswered({ client: "192.0.2.10:47000", server: "203.0.113.5:443", retries: 0 });
  other.net.icmpError({ from: ROUTER, type: 3, code: 13 });
  other.net.synUnanswered(other.ends(50002));
  other.quit();
  judges(other.channels()[0], "failed", "data-port-filtered");

  const passing = new Dialogue().login();
  passing.extended(50002);
  const data = passing.dial(50002);
  passing.net.icmpError({ from: ROUTER, type: 3, code: 1, quoting: data.handshake.syn });
  passing.list(data);
  passing.quit();
  judges(passing.channel(), "ok");
});

test("silent: it quotes the server's SYN (active mode)", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.active(51002);
  ftp.ask("LIST");
  ftp.net.synUnanswered({ ...ftp.ends(51002, {}, "server"), retries: 0 });
  ftp.net.icmpError({ from: ROUTER, type: 3, code: 13 });
  ftp.control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  judges(ftp.channel(), "failed", "active-inbound-rejected");
});

/** A SYN through a NAT, and an ICMP error that quotes it as the NAT sent it on, captured on both sides of the NAT. */
function answeredByTranslatedIcmp(quoted: { from: string; to: string; seq: number }) {
  const ftp = new Dialogue().login();
  ftp.extended(50002);
  const [syn] = ftp.net.synUnanswered({ ...ftp.ends(50002), retries: 0, isn: 0xdeadbeef });
  ftp.net.uncaptured(() => ftp.net.segment({ ...quoted, flags: "S" }));
  const icmp = ftp.net.icmpError({ from: ROUTER, type: 3, code: 13 });
  ftp.pause(4).quit();
  return { channel: ftp.channel(), syn, icmp };
}

test("the quoted header is translated by a NAT: the sequence number tells whose SYN it was", () => {
  for (const [from, to] of [
    ["198.51.100.200:61000", "203.0.113.5:50002"],
    ["192.0.2.10:41000", "10.1.2.3:50002"],
  ]) {
    const { channel, syn, icmp } = answeredByTranslatedIcmp({ from, to, seq: 0xdeadbeef });
    shows(channel, { outcome: "failed", cause: CAUSE, confidence: "certain", evidence: [syn, icmp] });
  }
});

test("silent: the quote is of another connection: another sequence number, port, or pair of hosts", () => {
  for (const quoted of [
    { from: "198.51.100.200:61000", to: "203.0.113.5:50002", seq: 0xdeadbee0 },
    { from: "198.51.100.200:61000", to: "203.0.113.5:50003", seq: 0xdeadbeef },
    { from: "198.51.100.200:61000", to: "10.1.2.3:50002", seq: 0xdeadbeef },
  ])
    judges(answeredByTranslatedIcmp(quoted).channel, "undetermined");
});

test("a router on the client's side: the server's range is not the matter", () => {
  for (const [ttl, remedy, from] of [
    [64, /nearer to the client than to the server/, ROUTER],
    [60, /^Give the server a fixed passive range/, ROUTER],
    // In the server's name it is the server's host that is told.
    [64, /^Give the server a fixed passive range/, SERVER],
  ] as const) {
    const ftp = new Dialogue().login();
    ftp.extended(50002);
    const [syn] = ftp.net.synUnanswered({ ...ftp.ends(50002), retries: 0 });
    const icmp = ftp.net.icmpError({ from, type: 3, code: 13, ttl });
    ftp.pause(4).quit();
    const channel = ftp.channel();
    shows(channel, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [syn, icmp],
      remedy: /^Correct the access list, packet filter or route on the router or host that sent the ICMP message/,
    });
    assert.match(channel.remedy[1], remedy);
  }
});
