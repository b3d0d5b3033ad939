import { test } from "node:test";
import { TRANSLATED_PORT_SECONDS } from "../../../src/correlate/match.ts";
import { Dialogue, judges, shows } from "../dialogue.ts";

const CAUSE = "data-port-translated";

/** Server side: the NAT maps port 50002 to 40002, where something accepts and the FTP server knows nothing of it. */
function mapped(afterSeconds: number) {
  const ftp = new Dialogue({ vantage: "server", server: "10.0.0.5" }).login();
  const granted = ftp.passive(50002, "203.0.113.5");
  ftp.pause(afterSeconds);
  const data = ftp.dial(40002);
  ftp.ask("LIST");
  ftp.pause(60);
  ftp.control.server("425 Failed to establish connection.\r\n");
  data.finish("client");
  ftp.quit();
  return { channel: ftp.channel(), granted, data };
}

test("the connection comes to another port of the same host, right after the negotiation", () => {
  const { channel, granted, data } = mapped(0.1);
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [granted.reply, data.handshake.syn],
    says: /negotiates port 50002[\s\S]*goes to 10\.0\.0\.5:40002/,
  });
});

test("the window at both sides", () => {
  judges(mapped(TRANSLATED_PORT_SECONDS - 0.5).channel, "failed", CAUSE);
  judges(mapped(TRANSLATED_PORT_SECONDS + 0.5).channel, "failed", "syn-not-seen");
});

test("nothing listens on the other port: its SYN is refused or not answered", () => {
  const refused = new Dialogue({ vantage: "server", server: "10.0.0.5" }).login();
  const granted = refused.passive(50002, "203.0.113.5");
  const { syn } = refused.net.synRefused(refused.ends(40002));
  refused.ask("LIST");
  refused.pause(60).control.server("425 Failed to establish connection.\r\n");
  refused.quit();
  shows(refused.channel(), { outcome: "failed", cause: CAUSE, confidence: "possible", evidence: [granted.reply, syn] });

  const dropped = new Dialogue({ vantage: "server", server: "10.0.0.5" }).login();
  const again = dropped.passive(50002, "203.0.113.5");
  const [first] = dropped.net.synUnanswered(dropped.ends(40002));
  dropped.quit();
  shows(dropped.channel(), { outcome: "failed", cause: CAUSE, confidence: "possible", evidence: [again.reply, first] });
});

test("silent: it works, or the port negotiated was dialled too", () => {
  const works = new Dialogue({ vantage: "server", server: "10.0.0.5" }).login();
  works.passive(50002, "203.0.113.5");
  works.list(works.dial(40002));
  works.quit();
  judges(works.channel(), "ok");

  const both = new Dialogue().login();
  both.passive(50002);
  both.net.synUnanswered({ ...both.ends(50002), retries: 2 });
  const other = both.dial(8080);
  other.finish("client");
  both.quit();
  judges(both.channel(), "failed", "data-port-filtered");
});

test("silent: the same port at the private address (1:1 mapping)", () => {
  const ftp = new Dialogue({ vantage: "server", server: "10.0.0.5" }).login();
  ftp.passive(50002, "203.0.113.5");
  ftp.net.synRefused(ftp.ends(50002));
  ftp.quit();
  judges(ftp.channel(), "failed", "data-port-rejected");
});

/** What a server says first on the data connection, before or behind its reply to RETR, until the client gives up. */
function begins(words: string, reply?: string) {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR a", ...(reply ? [reply] : []));
  const said = data.server(words);
  data.ack("client");
  ftp.pause(20);
  data.reset("client");
  ftp.control.finish("client");
  return { channel: ftp.channel(), said };
}

test("who accepts the connection greets: the passive range leads to the control port", () => {
  for (const greeting of ["220 (vsFTPd 3.0.3)\r\n", "220-Welcome\r\n220 ready\r\n"]) {
    const { channel, said } = begins(greeting);
    shows(channel, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "possible",
      evidence: [said],
      says: /what 203\.0\.113\.5:50002 says first is a 220 greeting/,
    });
  }
});

test("silent: a file that begins so, other words, and half a greeting", () => {
  judges(begins("220 ways to cook\r\n", "150 Opening data connection.").channel, "failed", "data-stalled");
  for (const words of ["221 Goodbye.\r\n", "2200 lines\r\n", "220"])
    judges(begins(words).channel, "failed", "data-stalled");
});

test("silent: the clocks of the two directions differ, and SYNs stand before the grants of their own ports, beside earlier grants", () => {
  const ftp = new Dialogue().login();
  ftp.ask("TYPE I", "200 Switching to Binary mode.");
  for (const [port, length] of [
    [50002, 5000],
    [50003, 300],
  ] as const) {
    ftp.passive(port);
    const data = ftp.dial(port);
    ftp.ask("RETR file", `150 Opening BINARY mode data connection for file (${length} bytes).`);
    data.serverData(length);
    data.finish("server");
    ftp.control.server("226 Transfer complete.\r\n");
    ftp.net.wait(5);
  }
  ftp.quit();
  ftp.net.edit((packets) =>
    packets
      .map((packet) => ({ ...packet, time: packet.time + (packet.outgoing ? 0n : 150_000_000n) }))
      .sort((a, b) => Number(a.time - b.time)),
  );
  for (const channel of ftp.channels()) judges(channel, "ok");
});
