import { test } from "node:test";
import { Dialogue, judges, OTHER, ROUTER, shows } from "../dialogue.ts";

const CAUSE = "pasv-wrong-address";

test("a stale external address: the SYN is not answered, refused, or prohibited", () => {
  const ftp = new Dialogue({ software: "pure-ftpd" }).login();
  const first = ftp.passive(50000, OTHER);
  const [syn] = ftp.net.synUnanswered(ftp.ends(50000, { address: OTHER }));
  const second = ftp.passive(50001, OTHER);
  const refused = ftp.net.synRefused({ ...ftp.ends(50001, { address: OTHER }), ttl: 50 });
  const third = ftp.passive(50002, OTHER);
  const [prohibited] = ftp.net.synUnanswered({ ...ftp.ends(50002, { address: OTHER }), retries: 0 });
  const icmp = ftp.net.icmpError({ from: ROUTER, type: 3, code: 1 });
  ftp.quit();
  const [unanswered, rejected, unreachable] = ftp.channels();
  shows(unanswered, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [first.reply, syn],
    alternatives: ["data-port-filtered"],
    says: /227 advertises 198\.51\.100\.77:50000; the control connection's server is 203\.0\.113\.5/,
  });
  shows(rejected, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [second.reply, refused.syn, refused.reset],
    alternatives: ["data-port-rejected"],
    says: /TTL 50/,
  });
  shows(unreachable, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [third.reply, prohibited, icmp],
    alternatives: ["icmp-prohibited"],
    says: /host unreachable/,
  });
});

test("another address in the private network of client and server", () => {
  const ftp = new Dialogue({ client: "192.168.1.5", server: "192.168.1.10" }).login();
  const pasv = ftp.passive(50000, "192.168.1.11");
  const [syn] = ftp.net.synUnanswered(ftp.ends(50000, { address: "192.168.1.11" }));
  ftp.quit();
  shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence: "likely", evidence: [pasv.reply, syn] });
});

test("silent: FXP, where the client hands the address on to another server", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50000);
  const data = ftp.dial(50000, { from: OTHER });
  ftp.list(data);
  ftp.quit();
  judges(ftp.channel(), "ok");
});

test("silent: a multi-homed server whose other address answers", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50000, OTHER);
  ftp.list(ftp.dial(50000, { address: OTHER }));
  ftp.quit();
  judges(ftp.channel(), "ok");
});

test("silent: at the server behind a NAT, with the public address in the 227 and no SYN", () => {
  const ftp = new Dialogue({ vantage: "server", server: "10.0.0.5" }).login();
  ftp.passive(50000, "203.0.113.5");
  ftp.ask("LIST");
  ftp.pause(60).control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  judges(ftp.channel(), "failed", "syn-not-seen");
});

test("silent: the client dials the control server instead", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50000, OTHER);
  ftp.net.synUnanswered(ftp.ends(50000));
  ftp.quit();
  judges(ftp.channel(), "failed", "data-port-filtered");
});
