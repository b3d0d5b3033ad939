import { test } from "node:test";
import { Dialogue, judges, octets, shows } from "../dialogue.ts";
import { DEAD_RETRANSMISSIONS } from "../thresholds.ts";

const CAUSE = "negotiation-dropped-by-helper";

/** Other traffic, so that the capture goes on. */
function later(ftp: Dialogue): Dialogue {
  ftp.pause(6).net.udp({ from: "192.0.2.10:5353", to: "192.0.2.1:53", payload: "other traffic" });
  return ftp;
}

test("server side: exactly the 227 is repeated with back-off and never acknowledged", () => {
  for (const [confidence, speaks] of [
    ["likely", true],
    // The client may be gone, and the path with it.
    ["possible", false],
  ] as const) {
    const ftp = new Dialogue({ vantage: "server" }).login();
    const { seq } = ftp.control.position("server");
    const pasv = ftp.passive(50000);
    const repeats = ftp.control.retransmit("server", { times: 5 });
    if (speaks) ftp.control.segment("client", { flags: "FA", ack: seq });
    shows(later(ftp).channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence,
      evidence: [pasv.reply, repeats.at(-1)!],
      alternatives: ["control-connection-lost"],
      says: /the 227 reply is repeated 5 times over 6\.2 s and never acknowledged/,
    });
  }
});

test("a 227 split over two segments, and one with an octet above 255: the form is said", () => {
  const split = new Dialogue({ vantage: "server" }).login();
  split.ask("PASV");
  split.control.server("227 Entering Passive Mode (203,0,113");
  const end = split.control.server(",5,195,80).\r\n");
  const repeats = split.control.retransmit("server", { times: 3 });
  shows(later(split).channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [end, repeats.at(-1)!],
    says: /split over two segments/,
  });

  const odd = new Dialogue({ vantage: "server" }).login();
  const pasv = odd.ask("PASV", "227 Entering Passive Mode (203,0,113,5,451,80).");
  const again = odd.control.retransmit("server", { times: 3 });
  shows(later(odd).channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [pasv.reply, again.at(-1)!],
    says: /octet 451 is above 255/,
  });
});

test("client side: exactly the PORT or EPRT", () => {
  for (const command of [`PORT ${octets("192.0.2.10", 51002)}`, "EPRT |1|192.0.2.10|51002|"]) {
    const ftp = new Dialogue().login();
    const port = ftp.ask(command);
    const repeats = ftp.control.retransmit("client", { times: DEAD_RETRANSMISSIONS });
    shows(later(ftp).channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "possible",
      evidence: [port.command, repeats.at(-1)!],
      // A passive range at the server would change nothing for who stays in active mode.
      remedy: /^Use passive mode/,
    });
  }
});

test("client side: a PORT that LF alone ends, which nf_conntrack_ftp drops: the form is said", () => {
  const ftp = new Dialogue().login();
  const port = ftp.control.client(`PORT ${octets("192.0.2.10", 51002)}\n`);
  const repeats = ftp.control.retransmit("client", { times: DEAD_RETRANSMISSIONS });
  shows(later(ftp).channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [port, repeats.at(-1)!],
    says: /its form is not the usual one \(LF alone ends it\)/,
  });
});

test("silent: random loss recovers; one repetition proves nothing", () => {
  const lossy = new Dialogue({ vantage: "server" }).login();
  lossy.passive(50000);
  lossy.control.retransmit("server", { times: 4 });
  lossy.control.ack("client");
  lossy.list(lossy.dial(50000));
  lossy.quit();
  judges(lossy.channel(), "ok");

  const once = new Dialogue({ vantage: "server" }).login();
  once.passive(50000);
  once.control.retransmit("server", { times: DEAD_RETRANSMISSIONS - 1 });
  judges(later(once).channel(), "undetermined");
});

test("silent: only big segments vanish (path MTU), or the connection was idle", () => {
  const big = new Dialogue({ vantage: "server" }).login();
  big.ask("PASV");
  big.control.server(`227-${"x".repeat(1100)}\r\n227 Entering Passive Mode (203,0,113,5,195,80).\r\n`);
  big.control.retransmit("server", { times: 5 });
  judges(later(big).channel(), "undetermined");

  const idle = new Dialogue({ vantage: "server" }).login();
  idle.ask("PASV");
  idle.control.ack("server");
  idle.pause(400).control.server("227 Entering Passive Mode (203,0,113,5,195,80).\r\n");
  idle.control.retransmit("server", { times: 5 });
  judges(later(idle).channel(), "undetermined");
});

test("silent: another line is repeated, the control connection is lost", () => {
  const ftp = new Dialogue().login();
  ftp.ask("TYPE I");
  ftp.control.retransmit("client", { times: 5 });
  const session = later(ftp).session();
  judges(session.control, "failed", "control-connection-lost");
});

test("what is negotiated behind a stuck 227 or PORT waits for it too", () => {
  const passive = new Dialogue({ vantage: "server" }).login();
  const { seq } = passive.control.position("server");
  const pasv = passive.passive(50000);
  passive.control.retransmit("server", { times: 4 });
  const { seq: at, ack } = passive.control.position("server");
  const from = passive.control.position("client").seq;
  const again = passive.control.segment("client", { flags: "PA", seq: from, ack: seq, payload: "PASV\r\n" });
  passive.control.segment("server", { flags: "A", seq: at, ack: ack + 6 });
  passive.pause(6).control.segment("client", { flags: "FA", seq: from + 6, ack: seq });
  passive.control.segment("server", { flags: "A", seq: at, ack: ack + 7 });
  const [first, second] = later(passive).channels();
  judges(first, "failed", CAUSE);
  shows(second, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [pasv.reply, second.evidence[1].packet, again],
    says: /PASV came behind it/,
  });

  const active = new Dialogue().login();
  active.ask(`PORT ${octets("192.0.2.10", 51002)}`);
  active.control.retransmit("client", { times: 4 });
  active.ask("PASV");
  for (const channel of later(active).channels()) judges(channel, "failed", CAUSE);
});

test("silent: a line that is no negotiation is stuck, and PORT is said behind it", () => {
  const ftp = new Dialogue().login();
  ftp.ask("TYPE I");
  ftp.ask(`PORT ${octets("192.0.2.10", 51002)}`);
  ftp.control.retransmit("client", { times: 5 });
  judges(later(ftp).channel(), "undetermined");
});
