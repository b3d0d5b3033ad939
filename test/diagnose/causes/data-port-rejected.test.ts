import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT6, Dialogue, judges, SERVER6, shows } from "../dialogue.ts";

const CAUSE = "data-port-rejected";

test("the server's own stack refuses: TTL and time fit its other packets", () => {
  const ftp = new Dialogue({ software: "pyftpdlib" }).login();
  const granted = ftp.extended(50002);
  const { syn, reset } = ftp.net.synRefused(ftp.ends(50002));
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [syn, reset],
    says: /RST in answer after 20 ms \(the control connection's SYN-ACK took 20 ms\).*TTL 57, IP-ID 0, window 0 \(the host's last packet: window 502, IP-ID \d+\); the TTL fits the host's other packets \(57\), 7 hops from here/,
  });
  void granted;
});

test("a firewall before the server refuses: nearer by TTL, and sooner", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  const { syn, reset } = ftp.net.synRefused({ ...ftp.ends(50002), ttl: 63, rttMs: 0.4 });
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [syn, reset],
    says: /after 0\.4 ms .*TTL 63.*sent 1 hop from here, 6 hops before the host \(7 hops\), by a middlebox/,
    remedy: /nearer to the client than to the server: allow connections to the server's passive range there/,
  });
});

test("a device in the middle, or nearer to the server: its range is to be opened", () => {
  for (const [ttl, path] of [
    [61, {}],
    [58, {}],
    // Captured in the middle: the client is four hops away, the server seven.
    [63, { clientTtl: 60 }],
  ] as const) {
    const ftp = new Dialogue({ path }).login();
    ftp.passive(50002);
    const { syn, reset } = ftp.net.synRefused({ ...ftp.ends(50002), ttl });
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [syn, reset],
      says: /by a middlebox/,
      remedy: /^Give the server a fixed passive range/,
    });
  }
});

test("from beyond: behind the gateway that carries the control connection", () => {
  const ftp = new Dialogue({ client: CLIENT6, server: SERVER6 }).login();
  ftp.extended(50002);
  const { syn, reset } = ftp.net.synRefused({ ...ftp.ends(50002), ttl: 56 });
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [syn, reset],
    says: /1 hop beyond the host/,
  });
});

test("the same distance and another initial TTL: another stack, nobody is named", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  const { syn, reset } = ftp.net.synRefused({ ...ftp.ends(50002), ttl: 248 });
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [syn, reset],
    says: /as far away, but an initial TTL of 255 instead of 64/,
  });
});

test("under TLS, and after CCC", () => {
  const hidden = new Dialogue().secureLogin();
  hidden.askSealed("PASV", ["227 Entering Passive Mode (203,0,113,5,195,82)."]);
  const first = hidden.net.synRefused(hidden.ends(50002));
  hidden.quitSealed();
  shows(hidden.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [first.syn, first.reset],
    contributing: ["control-encrypted"],
  });
  const clear = new Dialogue().secureLogin().clearAgain();
  clear.passive(50002);
  const second = clear.net.synRefused(clear.ends(50002));
  clear.quit();
  shows(clear.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [second.syn, second.reset],
  });
});

test("under TLS the SYN goes to another host than the control connection: the 227 may have named it", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("PASV", ["227 Entering Passive Mode (198,51,100,77,195,82)."]);
  const { syn, reset } = ftp.net.synRefused(ftp.ends(50002, { address: "198.51.100.77" }));
  ftp.quitSealed();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [syn, reset],
    contributing: ["control-encrypted"],
    alternatives: ["pasv-wrong-address"],
    remedy: /^The data connection goes to another host than the control connection/,
  });
});

test("at the server: the SYN is translated to another host than the control connection", () => {
  const ftp = new Dialogue({ vantage: "server", server: "10.20.30.43" }).login();
  ftp.passive(50002, "203.0.113.41");
  ftp.net.synRefused(ftp.ends(50002, { address: "10.20.30.41" }));
  const channel = ftp.quit().channel();
  judges(channel, "failed", "data-port-rejected");
  assert.match(channel.evidence[1].says, /10\.20\.30\.41 is not the control connection's server/);
  assert.match(channel.remedy[0], /goes to another host than the control connection/);
});

test("silent: a private address that somebody on the client's LAN refuses, and a foreign one", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002, "192.168.1.20");
  ftp.net.synRefused({ ...ftp.ends(50002, { address: "192.168.1.20" }), ttl: 64 });
  ftp.passive(50003, "198.51.100.77");
  ftp.net.synRefused(ftp.ends(50003, { address: "198.51.100.77" }));
  ftp.quit();
  const [privateAddress, foreign] = ftp.channels();
  judges(privateAddress, "failed", "pasv-private-address");
  judges(foreign, "failed", "pasv-wrong-address");
});

test("silent: the client takes its own SYN back, the server's SYN is refused, a reset after the last byte", () => {
  const ftp = new Dialogue().login();
  ftp.active(51002);
  ftp.ask("LIST");
  ftp.net.synRefused(ftp.ends(51002, {}, "server"));
  ftp.control.server("425 Failed to establish connection.\r\n");
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.control.client("LIST\r\n");
  ftp.control.server("150 Here comes the directory listing.\r\n");
  data.serverData(400);
  data.fin("server");
  data.ack("client");
  data.reset("client");
  ftp.control.server("226 Directory send OK.\r\n");
  ftp.quit();
  const [active, reset] = ftp.channels();
  judges(active, "failed", "active-inbound-rejected");
  judges(reset, "ok");
});

test("silent: a RST that no closed port sends: the connection stood, and the capture lacks its beginning", () => {
  const answered = (rst: { flags: string; seq?: number; ack?: number; window?: number }) => {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    ftp.ask("LIST");
    const ends = ftp.ends(50002);
    ftp.net.segment({ from: ends.client, to: ends.server, flags: "S", seq: 1000 });
    ftp.net.segment({ from: ends.server, to: ends.client, ttl: 57, ...rst });
    return ftp.channel();
  };
  judges(answered({ flags: "RA", ack: 1001, window: 0 }), "failed", CAUSE);
  judges(answered({ flags: "RA", seq: 5000, ack: 1001, window: 0 }), "failed", CAUSE);
  judges(answered({ flags: "R", seq: 5000, window: 0 }), "undetermined");
  judges(answered({ flags: "RA", seq: 5000, ack: 1301, window: 0 }), "undetermined");
  judges(answered({ flags: "RA", seq: 5000, ack: 1001, window: 64 }), "undetermined");
});

test("TCP Fast Open: the RST acknowledges the data of the SYN; and a 226 shows that there was a connection", () => {
  const answered = (payload: string, ack: number, final: string) => {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    ftp.ask("LIST");
    const ends = ftp.ends(50002);
    ftp.net.segment({ from: ends.client, to: ends.server, flags: "S", seq: 1000, payload });
    ftp.net.segment({ from: ends.server, to: ends.client, ttl: 57, flags: "RA", ack, window: 0 });
    ftp.control.server(`${final}\r\n`);
    return ftp.channel();
  };
  judges(answered("hello", 1006, "425 Failed to establish connection."), "failed", CAUSE);
  judges(answered("", 1001, "226 Directory send OK."), "ok");
});

test("silent: the server has given up, and its host refuses the SYN that comes after it", () => {
  const late = (give: (ftp: Dialogue) => void, options: { ttl?: number } = {}) => {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    give(ftp);
    ftp.pause(1).net.synRefused({ ...ftp.ends(50002), ...options });
    return ftp.quit().channel();
  };
  const times = (ftp: Dialogue) => {
    const asked = ftp.control.client("LIST\r\n");
    ftp.pause(60).control.server("425 Failed to establish connection.\r\n");
    return asked;
  };
  judges(late(times), "undetermined");
  judges(
    late((ftp) => void ftp.pause(30).control.server("421 Passive data channel timed out.\r\n")),
    "undetermined",
  );
  judges(late(times, { ttl: 63 }), "failed", CAUSE); // a device that rejects did so before
  judges(
    late((ftp) => void ftp.pause(60)),
    "failed",
    CAUSE,
  );
});

test("the snaplen cut the port off the 227: that the SYN is its own only its time tells, so no more than likely", () => {
  const told = (snaplen: number) => {
    const ftp = new Dialogue({ snaplen, vantage: "server" }).login();
    const granted = ftp.passive(50002);
    const { syn, reset } = ftp.net.synRefused(ftp.ends(50002));
    ftp.quit();
    return { channel: ftp.channel(), granted, syn, reset };
  };
  const cut = told(66 + "227 Entering Passive Mode (203,".length);
  shows(cut.channel, {
    outcome: "failed",
    cause: "data-port-rejected",
    confidence: "likely",
    evidence: [cut.syn, cut.reset, cut.granted.reply],
    says: /the snaplen cut the port off/,
  });
  assert.equal(told(65_535).channel.confidence, "certain");
});

test("silent: the server had turned the transfer down before the SYN, in words that the snaplen cut off", () => {
  for (const [kept, outcome] of [
    [65_535, "refused"],
    [20 + 32 + 20, "undetermined"],
  ] as const) {
    const ftp = new Dialogue({ software: "proftpd" }).login();
    ftp.passive(50002);
    const { reply } = ftp.ask("APPE log", "451 log: Append/Restart not permitted, try again");
    ftp.net.synRefused(ftp.ends(50002));
    ftp.net.edit((packets) =>
      packets.map((packet, at) =>
        at + 1 === reply ? { ...packet, datagram: packet.datagram.subarray(0, kept) } : packet,
      ),
    );
    judges(ftp.quit().channel(), outcome);
  }
});
