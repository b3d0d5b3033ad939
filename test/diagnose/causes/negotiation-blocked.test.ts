import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue, FORGED, judges, shows, tlsListing } from "../dialogue.ts";
import { COMPARED_PACKETS, DEAD_RETRANSMISSIONS, PATIENCE_SECONDS } from "../thresholds.ts";

const CAUSE = "negotiation-blocked";

test("EPSV is acknowledged and never answered, and the session lives on", () => {
  for (const vantage of ["client", "middle"] as const) {
    const ftp = new Dialogue({ vantage }).login();
    const epsv = ftp.ask("EPSV");
    ftp.control.ack("server");
    ftp.pause(20);
    const pasv = ftp.passive(50000);
    ftp.list(ftp.dial(50000));
    ftp.quit();
    const [blocked, used] = ftp.channels();
    shows(blocked, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [epsv.command, pasv.reply],
      says: /EPSV is acknowledged and never answered[\s\S]*PASV is answered 227/,
    });
    judges(used, "ok");
  }
});

test("a device answers EPSV with a reset of its own", () => {
  const ftp = new Dialogue().login();
  const epsv = ftp.ask("EPSV");
  const reset = ftp.control.reset("server", FORGED);
  ftp.pause(5).net.udp({ from: "192.0.2.10:5353", to: "192.0.2.1:53", payload: "other traffic" });
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [epsv.command, reset],
    says: /TTL 62.*TTL 57: sent 2 hops from here, 5 hops before the host \(7 hops\), by a middlebox/,
  });
});

test("never acknowledged: possible, for the path may be gone altogether", () => {
  const ftp = new Dialogue().login();
  const epsv = ftp.ask("EPSV");
  const repeats = ftp.control.retransmit("client", { times: DEAD_RETRANSMISSIONS });
  ftp.pause(3).net.udp({ from: "192.0.2.10:5353", to: "192.0.2.1:53", payload: "other traffic" });
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [epsv.command, repeats.at(-1)!],
    alternatives: ["control-connection-lost"],
    says: /repeated 2 times and never acknowledged/,
  });
  // What is swallowed may as well be PASV.
  assert.match(ftp.channel().remedy[1], /EPSV for PASV/);
});

test("never answered until the client leaves: possible", () => {
  const leaves = (seconds: number) => {
    const ftp = new Dialogue().login();
    const epsv = ftp.ask("EPSV");
    ftp.control.ack("server");
    ftp.pause(seconds);
    const [fin] = [ftp.control.fin("client")];
    ftp.control.ack("server");
    return { channel: ftp.channel(), epsv, fin };
  };
  const { channel, epsv, fin } = leaves(PATIENCE_SECONDS + 0.1);
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [epsv.command, fin],
    alternatives: ["control-connection-lost"],
  });
  judges(leaves(PATIENCE_SECONDS - 1).channel, "undetermined");
});

test("silent: LF alone ends the command, for whose CR LF some servers wait (ProFTPD, pyftpdlib)", () => {
  for (const end of ["\r\n", "\n"]) {
    const ftp = new Dialogue().login();
    ftp.control.client(`PASV${end}`);
    ftp.control.ack("server");
    ftp.pause(PATIENCE_SECONDS + 1).control.finish("client");
    if (end === "\n") judges(ftp.channel(), "undetermined");
    else judges(ftp.channel(), "failed", CAUSE);
  }
  // Others read it like any other.
  const read = new Dialogue().login();
  read.control.client("PASV\n");
  read.control.server("227 Entering Passive Mode (203,0,113,5,195,80).\r\n");
  read.list(read.dial(50000));
  judges(read.quit().channel(), "ok");
});

test("silent: one repetition less, or a connection that was idle before", () => {
  const once = new Dialogue().login();
  once.ask("EPSV");
  once.control.retransmit("client", { times: DEAD_RETRANSMISSIONS - 1 });
  once.pause(4).net.udp({ from: "192.0.2.10:5353", to: "192.0.2.1:53", payload: "other traffic" });
  judges(once.channel(), "undetermined");

  const idle = new Dialogue().login().pause(300);
  idle.ask("EPSV");
  idle.control.retransmit("client", { times: 5 });
  judges(idle.channel(), "undetermined");
});

test("silent: the server itself resets, its process died", () => {
  const ftp = new Dialogue().login();
  ftp.ask("EPSV");
  ftp.control.reset("server");
  judges(ftp.pause(5).channel(), "undetermined");
});

test("silent: a real refusal, a slow answer", () => {
  const refused = new Dialogue().login();
  refused.ask("EPSV", "500 Unknown command.");
  refused.quit();
  judges(refused.channel(), "refused", "epsv-refused");

  const slow = new Dialogue().login();
  slow.ask("EPSV");
  slow.control.ack("server");
  slow.pause(30).control.server("229 Entering Extended Passive Mode (|||50000|)\r\n");
  slow.list(slow.dial(50000));
  slow.quit();
  judges(slow.channel(), "ok");
});

test("silent: a server still inside an earlier transfer", () => {
  const ftp = new Dialogue({ software: "proftpd" }).login();
  ftp.passive(50000);
  const data = ftp.dial(50000);
  ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (16000 bytes)");
  data.serverData(8000);
  ftp.ask("EPSV");
  ftp.control.ack("server");
  ftp.pause(2);
  data.serverData(8000);
  data.finish("server");
  ftp.control.server("226 Transfer complete\r\n");
  ftp.quit();
  const [first, second] = ftp.channels();
  judges(first, "ok");
  judges(second, "not-attempted");
});

test("silent: PORT that pyftpdlib is still dialling for", () => {
  const ftp = new Dialogue({ vantage: "server", software: "pyftpdlib" }).login();
  ftp.ask("PORT 192,0,2,10,199,58");
  ftp.control.ack("server");
  ftp.net.synUnanswered(ftp.ends(51002, {}, "server"));
  ftp.ask("NOOP", "200 I successfully done nothin'.");
  ftp.quit();
  judges(ftp.channel(), "failed", "active-inbound-blocked");
});

test("silent: PORT that may still be dialled for, of which no SYN comes by; at the server, where the command arrived", () => {
  const leaves = (ftp: Dialogue, command: string) => {
    ftp.login().ask(command);
    ftp.control.ack("server");
    ftp.pause(PATIENCE_SECONDS + 1).control.fin("client");
    ftp.control.ack("server");
    return ftp;
  };
  for (const command of ["PORT 192,0,2,10,199,58", "EPRT |1|192.0.2.10|51002|"]) {
    const channel = leaves(new Dialogue(), command).channel();
    judges(channel, "failed", "syn-not-seen");
    assert.deepEqual(
      [channel.confidence, ...channel.alternatives.map(({ cause }) => cause)],
      ["possible", "active-inbound-blocked", CAUSE],
    );
  }
  judges(leaves(new Dialogue({ vantage: "server" }), "PASV").channel(), "undetermined");

  // The server did answer, as its sequence numbers tell, and its words did not come.
  const answered = leaves(new Dialogue(), "PORT 192,0,2,10,199,58");
  const { seq, ack } = answered.control.position("server");
  answered.control.segment("server", { flags: "A", seq: seq + 30, ack });
  judges(answered.channel(), "failed", CAUSE);
});

test("silent: the capture of one direction begins late, and what it has answers the latest command", () => {
  const ftp = new Dialogue().login();
  for (const port of [50002, 50003]) {
    ftp.passive(port);
    ftp.list(ftp.dial(port));
  }
  ftp.net.edit((packets) => packets.filter(({ outgoing }) => outgoing));
  ftp.passive(50004);
  ftp.list(ftp.dial(50004));
  ftp.quit();
  const channels = ftp.channels();
  assert.deepEqual(
    channels.map(({ outcome, cause }) => ({ outcome, cause })),
    [
      { outcome: "undetermined", cause: null },
      { outcome: "undetermined", cause: null },
      { outcome: "ok", cause: null },
    ],
  );
  assert.equal(channels[2].negotiation?.advertised?.port, 50004);
});

test("silent: the capture begins behind a grant whose PASV stands late in it, for the clocks of the two directions differ", () => {
  const ftp = new Dialogue().login();
  const before = ftp.net.last;
  const granted = ftp.passive(50002);
  ftp.list(ftp.dial(50002));
  ftp.passive(50003);
  ftp.list(ftp.dial(50003));
  ftp.quit();
  ftp.net.edit((packets) =>
    packets
      .filter(({ outgoing }, at) => at >= (outgoing ? before : granted.reply))
      .map((packet) => ({ ...packet, time: packet.time - (packet.outgoing ? 0n : 150_000_000n) }))
      .sort((a, b) => Number(a.time - b.time)),
  );
  const [first, second] = ftp.channels();
  judges(first, "undetermined");
  judges(second, "ok");
});

test("silent: under TLS the command cannot be read", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50000|)"]);
  tlsListing(ftp.dial(50000), 500);
  ftp.quitSealed();
  judges(ftp.channel(), "ok");
});

/** EPSV refused by a packet with this TTL, and PASV that works. */
function refusedWith(reply: string, ttl?: number) {
  const ftp = new Dialogue().login();
  ftp.control.client("EPSV\r\n");
  const refusal = ftp.control.server(`${reply}\r\n`, ttl === undefined ? {} : { ttl });
  ftp.passive(50000);
  ftp.list(ftp.dial(50000));
  ftp.quit();
  return { channels: ftp.channels(), refusal };
}

test("a device refuses EPSV in the server's name", () => {
  const { channels, refusal } = refusedWith("500 command not understood", 62);
  shows(channels[0], {
    outcome: "refused",
    cause: CAUSE,
    confidence: "likely",
    evidence: [refusal, refusal],
    says: /that reply is not the server's: TTL 62.*5 hops before the host \(7 hops\), by a middlebox/,
  });
  judges(channels[1], "ok");
});

test("the server refuses a verb that a device overwrote", () => {
  const { channels, refusal } = refusedWith("500 'XXXX': command not understood.");
  shows(channels[0], {
    outcome: "refused",
    cause: CAUSE,
    confidence: "likely",
    evidence: [refusal, refusal],
    says: /quotes a verb of X: EPSV was overwritten on its way/,
  });
});

test("silent: the server's own refusal, and one where its packets come by several routes", () => {
  judges(refusedWith("500 EPSV not understood").channels[0], "refused", "epsv-refused");
  const ftp = new Dialogue().login();
  ftp.control.client("NOOP\r\n");
  ftp.control.server("200 NOOP ok.\r\n", { ttl: 56 });
  ftp.control.client("EPSV\r\n");
  ftp.control.server("500 Unknown command.\r\n", { ttl: 55 });
  ftp.quit();
  judges(ftp.channel(), "refused", "epsv-refused");
});

test("a stranger is told from so many other packets, and not from fewer", () => {
  const refusedAfter = (others: number) => {
    const ftp = new Dialogue();
    for (let i = 0; i < others; i++) ftp.ask("NOOP", "200 NOOP ok.");
    ftp.control.client("EPSV\r\n");
    ftp.control.server("500 Unknown command.\r\n", { ttl: 62 });
    const { syn, synAck, ack } = ftp.control.handshake;
    ftp.net.drop(syn, synAck, ack);
    return ftp.channel();
  };
  judges(refusedAfter(COMPARED_PACKETS), "refused", CAUSE);
  judges(refusedAfter(COMPARED_PACKETS - 1), "refused", "epsv-refused");
});

test("silent: the first words stand before their SYN in the file, and a PASV behind its 227: what is acknowledged tells the order", () => {
  const ftp = new Dialogue().login();
  const { command } = ftp.passive(50002);
  ftp.list(ftp.dial(50002));
  ftp.quit();
  ftp.net.move(3, -2); // the acknowledgment that ends the handshake
  ftp.net.move(7, -5); // PASS
  ftp.net.move(command, 1);
  judges(ftp.channel(), "ok");
});
