import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue, judges, ROUTER, shows, tlsListing } from "../dialogue.ts";

const CAUSE = "pasv-private-address";

test("client side: the client dials the private address of the 227, and nothing comes back", () => {
  const ftp = new Dialogue({ software: "proftpd" }).login();
  const pasv = ftp.passive(50000, "10.20.0.66");
  const [syn] = ftp.net.synUnanswered(ftp.ends(50000, { address: "10.20.0.66" }));
  ftp.pause(3).quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [pasv.reply, syn],
    contributing: ["helper-absent", "client-obeys-private-address"],
    says: [/227 advertises 10\.20\.0\.66:50000, a private address.*203\.0\.113\.5/, /sent 5 times over 4\.0 s/],
  });
});

test("a router answers for the private address with ICMP, or a host of the client's own LAN with a RST", () => {
  const ftp = new Dialogue({ software: "pyftpdlib" }).login();
  const pasv = ftp.passive(50000, "172.16.5.50");
  const [syn] = ftp.net.synUnanswered({ ...ftp.ends(50000, { address: "172.16.5.50" }), retries: 0 });
  const icmp = ftp.net.icmpError({ from: ROUTER, type: 3, code: 13 });
  ftp.pause(1).quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [pasv.reply, syn, icmp],
    contributing: ["helper-absent", "client-obeys-private-address"],
    says: new RegExp(`router ${ROUTER.replaceAll(".", "\\.")}.*communication administratively prohibited`),
  });

  const lan = new Dialogue().login();
  const again = lan.passive(50000, "192.168.1.20");
  const refused = lan.net.synRefused({ ...lan.ends(50000, { address: "192.168.1.20" }), ttl: 64, rttMs: 0.3 });
  lan.quit();
  shows(lan.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [again.reply, refused.syn, refused.reset],
    contributing: ["helper-absent", "client-obeys-private-address"],
    says: /TTL 64: from whoever has this address on the client's side/,
  });
});

test("link-local and carrier-grade NAT addresses, and a 229 with an address", () => {
  for (const [address, kind] of [
    ["169.254.7.7", "link-local"],
    ["100.72.3.4", "cgnat"],
  ] as const) {
    const ftp = new Dialogue().login();
    const pasv = ftp.passive(50000, address);
    const [syn] = ftp.net.synUnanswered(ftp.ends(50000, { address }));
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [pasv.reply, syn],
      contributing: ["helper-absent", "client-obeys-private-address"],
      says: new RegExp(`a ${kind} address`),
    });
  }
  const ftp = new Dialogue({ software: "proftpd" }).login();
  const epsv = ftp.ask("EPSV", "229 Entering Extended Passive Mode (|1|10.0.0.5|50000|)");
  const [syn] = ftp.net.synUnanswered(ftp.ends(50000, { address: "10.0.0.5" }));
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [epsv.reply, syn],
    contributing: ["helper-absent", "client-obeys-private-address"],
    says: /229 advertises 10\.0\.0\.5:50000/,
  });
});

test("no SYN at all: likely, and what would decide", () => {
  const ftp = new Dialogue().login();
  const pasv = ftp.passive(50000, "192.168.50.58");
  ftp.net.udp({ from: "192.0.2.10:5353", to: "192.0.2.1:53", payload: "other traffic" });
  ftp.pause(10).quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [pasv.reply, pasv.reply],
    contributing: ["helper-absent"],
    alternatives: ["syn-not-seen"],
  });
});

test("server side: its own private address to a client on the Internet, control on port 2121", () => {
  const ftp = new Dialogue({ vantage: "server", server: "10.0.0.5", port: 2121 }).login();
  const pasv = ftp.passive(50000);
  const list = ftp.ask("LIST");
  const failed = ftp.pause(60).control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [pasv.reply, pasv.reply],
    contributing: ["helper-absent"],
    alternatives: ["syn-not-seen"],
    says: /the server's own private address, to the client 192\.0\.2\.10 outside/,
  });
  void [list, failed];
});

test("under TLS: a dead SYN to a private address right after the server spoke", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("PASV", ["227 Entering Passive Mode (10,132,0,44,195,80)."]);
  const [syn] = ftp.net.synUnanswered(ftp.ends(50000, { address: "10.132.0.44" }));
  ftp.quitSealed();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [syn],
    contributing: ["control-encrypted", "client-obeys-private-address"],
    alternatives: ["data-port-filtered"],
  });
});

test("after CCC the 227 can be read again", () => {
  const ftp = new Dialogue({ software: "proftpd" }).secureLogin().clearAgain();
  const pasv = ftp.passive(50000, "10.0.0.5");
  const [syn] = ftp.net.synUnanswered(ftp.ends(50000, { address: "10.0.0.5" }));
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [pasv.reply, syn],
    contributing: ["helper-absent", "client-obeys-private-address"],
  });
});

test("silent: server side with the public address in the 227 while the SYN comes to the private one", () => {
  const ftp = new Dialogue({ vantage: "server", server: "10.0.0.5" }).login();
  ftp.passive(50000, "203.0.113.5");
  ftp.list(ftp.dial(50000));
  ftp.quit();
  judges(ftp.channel(), "ok");
});

test("silent: a client that ignores the address and dials the control server, which works or is blocked", () => {
  const works = new Dialogue().login();
  works.passive(50000, "10.0.0.5");
  works.list(works.dial(50000));
  works.quit();
  judges(works.channel(), "ok");

  const blocked = new Dialogue().login();
  blocked.passive(50000, "10.0.0.5");
  blocked.net.synUnanswered(blocked.ends(50000));
  blocked.quit();
  judges(blocked.channel(), "failed", "data-port-filtered");
});

test("silent: the client has reached another address than the advertised one before, the control server's or not", () => {
  for (const address of ["203.0.113.5", "203.0.113.77"]) {
    const ftp = new Dialogue().login();
    ftp.passive(50000, "10.0.0.5");
    ftp.list(ftp.dial(50000, { address }));
    ftp.passive(50001, "10.0.0.5");
    ftp.ask("LIST");
    ftp.pause(10).quit();
    const [first, second] = ftp.channels();
    judges(first, "ok");
    judges(second, "failed", "syn-not-seen");
  }
});

test("silent: one LAN or VPN where both are private, working or not", () => {
  const works = new Dialogue({ client: "10.8.0.6", server: "192.168.1.10" }).login();
  works.passive(50000);
  works.list(works.dial(50000));
  works.quit();
  judges(works.channel(), "ok");

  const blocked = new Dialogue({ client: "10.8.0.6", server: "192.168.1.10" }).login();
  blocked.passive(50000);
  blocked.net.synUnanswered(blocked.ends(50000));
  blocked.quit();
  judges(blocked.channel(), "failed", "data-port-filtered");

  // Seen at the server, no SYN comes: whether the client can route to the server's address is not known here.
  const unseen = new Dialogue({ vantage: "server", client: "10.8.0.6", server: "192.168.1.10" }).login();
  unseen.passive(50000);
  unseen.ask("LIST");
  unseen.pause(60).control.server("425 Failed to establish connection.\r\n");
  unseen.quit();
  judges(unseen.channel(), "failed", "syn-not-seen");

  const other = new Dialogue({ client: "10.1.2.3", server: "192.168.1.10" }).login();
  other.passive(50000, "192.168.1.11");
  other.net.synUnanswered(other.ends(50000, { address: "192.168.1.11" }));
  other.quit();
  judges(other.channel(), "failed", "pasv-wrong-address");
});

test("silent under TLS: the private address is the server's own, or works", () => {
  const ftp = new Dialogue({ client: "10.8.0.6", server: "10.0.0.5" }).secureLogin();
  ftp.askSealed("PASV", ["227 Entering Passive Mode (10,0,0,5,195,80)."]);
  ftp.net.synUnanswered(ftp.ends(50000));
  ftp.quitSealed();
  judges(ftp.channel(), "failed", "data-port-filtered");

  const works = new Dialogue({ client: "10.8.0.6", server: "10.0.0.5" }).secureLogin();
  works.askSealed("PASV", ["227 Entering Passive Mode (10,0,0,5,195,80)."]);
  tlsListing(works.dial(50000), 700);
  works.quitSealed();
  judges(works.channel(), "ok");
});

test("silent: granted, and turned down for a file (550), or followed by EPSV", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50000, "10.0.0.5");
  ftp.ask("RETR nothing", "550 Failed to open file.");
  ftp.passive(50001, "10.0.0.5");
  ftp.extended(50002);
  ftp.list(ftp.dial(50002));
  ftp.quit();
  const [refused, unused, used] = ftp.channels();
  judges(refused, "refused");
  judges(unused, "not-attempted");
  judges(used, "ok");
});

test("between private networks, or in the client's own, the address may be right: likely, and its port may be closed", () => {
  const dialled = (client: string, server: string, advertised: string) => {
    const ftp = new Dialogue({ client, server }).login();
    ftp.passive(50002, advertised);
    ftp.ask("LIST");
    ftp.net.synUnanswered(ftp.ends(50002, { address: advertised }));
    const { outcome, cause, confidence, alternatives } = ftp.channel();
    return [outcome, cause, confidence, ...alternatives.map((other) => other.cause)];
  };
  const likely = ["failed", CAUSE, "likely", "data-port-filtered"];
  assert.deepEqual(dialled("10.1.2.3", "172.16.5.5", "192.168.7.5"), likely);
  assert.deepEqual(dialled("192.168.1.10", "203.0.113.5", "192.168.1.5"), likely);
  assert.deepEqual(dialled("192.168.1.10", "203.0.113.5", "10.0.0.5"), ["failed", CAUSE, "certain"]);
});

test("silent: another channel of the session with that address had its connection", () => {
  const ignored = new Dialogue({ vantage: "server" }).login();
  ignored.passive(50000, "10.0.0.5");
  ignored.net.synUnanswered(ignored.ends(50000));
  ignored.passive(50001, "10.0.0.5");
  ignored.pause(10).quit();
  judges(ignored.channels()[1], "failed", "syn-not-seen");

  const reached = new Dialogue({ vantage: "middle" }).login();
  reached.passive(50000, "10.0.0.5");
  reached.list(reached.dial(50000, { address: "10.0.0.5" }));
  reached.passive(50001, "10.0.0.5");
  reached.pause(10).quit();
  judges(reached.channels()[1], "failed", "syn-not-seen");

  // Told another address, it may heed that one.
  const other = new Dialogue({ vantage: "server" }).login();
  other.passive(50000, "10.0.0.5");
  other.list(other.dial(50000));
  other.passive(50001, "10.0.0.6");
  other.pause(10).quit();
  judges(other.channels()[1], "failed", CAUSE);
});

test("the client dials the control server as well, in vain: another address alone may not help", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50000, "10.0.0.5");
  ftp.net.synUnanswered(ftp.ends(50000, { address: "10.0.0.5" }));
  ftp.net.synUnanswered(ftp.ends(50000));
  ftp.quit();
  const { outcome, cause, confidence, alternatives } = ftp.channel();
  assert.deepEqual(
    [outcome, cause, confidence, ...alternatives.map((other) => other.cause)],
    ["failed", CAUSE, "likely", "data-port-filtered"],
  );
});

test("a client that dials the advertised address first, each time, is stopped by it each time, whatever it dials then", () => {
  const inVain = (ftp: Dialogue, port: number) => ftp.net.synUnanswered(ftp.ends(port, { address: "10.0.0.5" }));
  const falling = new Dialogue().login();
  falling.passive(50000, "10.0.0.5");
  inVain(falling, 50000);
  falling.list(falling.dial(50000));
  falling.passive(50001, "10.0.0.5");
  inVain(falling, 50001);
  falling.quit();
  const [fell, left] = falling.channels();
  judges(fell, "ok");
  judges(left, "failed", CAUSE);
  assert.equal(left.confidence, "certain");

  const both = new Dialogue().login();
  for (const port of [50000, 50001]) {
    both.passive(port, "10.0.0.5");
    inVain(both, port);
    both.net.synUnanswered(both.ends(port));
  }
  both.quit();
  for (const channel of both.channels()) judges(channel, "failed", CAUSE);

  // It has learnt: from then on it dials the control server at once.
  const learnt = new Dialogue().login();
  learnt.passive(50000, "10.0.0.5");
  inVain(learnt, 50000);
  learnt.passive(50001, "10.0.0.5");
  learnt.list(learnt.dial(50001));
  learnt.quit();
  judges(learnt.channels()[0], "failed", CAUSE);
  judges(learnt.channels()[1], "ok");

  // Seen at the server: it comes so late that it has tried elsewhere before.
  const late = new Dialogue({ vantage: "server" }).login();
  late.passive(50000, "10.0.0.5");
  late.pause(8);
  late.list(late.dial(50000));
  late.passive(50001, "10.0.0.5");
  late.pause(6).quit();
  judges(late.channels()[0], "ok");
  judges(late.channels()[1], "failed", CAUSE);

  // There the NAT has translated it to the server's own address.
  const behind = new Dialogue({ vantage: "server", server: "10.0.0.5" }).login();
  behind.passive(50000);
  behind.pause(8);
  behind.list(behind.dial(50000));
  behind.passive(50001);
  behind.pause(6).quit();
  judges(behind.channels()[0], "ok");
  judges(behind.channels()[1], "failed", CAUSE);
});
