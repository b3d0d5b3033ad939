import { test } from "node:test";
import { CLIENT6, Dialogue, judges, OTHER, ROUTER, SERVER, SERVER6, shows } from "../dialogue.ts";

const CAUSE = "active-inbound-rejected";

test("the client's host refuses, or a firewall before it", () => {
  for (const [ttl, says] of [
    [57, /TTL 57.*fits the host's other packets \(57\)/],
    [62, /TTL 62.*5 hops before the host \(7 hops\), by a middlebox/],
  ] as const) {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.active(51002);
    ftp.ask("LIST");
    const { syn, reset } = ftp.net.synRefused({ ...ftp.ends(51002, {}, "server"), ttl });
    ftp.control.server("425 Failed to establish connection.\r\n");
    ftp.quit();
    shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence: "certain", evidence: [syn, reset], says });
  }
});

test("ICMP and ICMPv6 about the server's SYN", () => {
  const ftp = new Dialogue({ vantage: "middle", software: "proftpd" }).login();
  ftp.active(51002);
  ftp.ask("LIST");
  const [syn] = ftp.net.synUnanswered({ ...ftp.ends(51002, {}, "server"), retries: 0 });
  const icmp = ftp.net.icmpError({ from: ROUTER, type: 3, code: 13 });
  ftp.control.server("425 Unable to build data connection: No route to host\r\n");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [syn, icmp],
    says: /ICMP type 3 code 13 from the router 198\.51\.100\.1/,
  });

  const six = new Dialogue({ vantage: "server", client: CLIENT6, server: SERVER6 }).login();
  six.extendedActive(51002);
  six.ask("LIST");
  const [syn6] = six.net.synUnanswered({ ...six.ends(51002, {}, "server"), retries: 0 });
  const icmp6 = six.net.icmpError({ from: CLIENT6, type: 1, code: 1 });
  six.control.server("425 Failed to establish connection.\r\n");
  six.quit();
  shows(six.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [syn6, icmp6],
    says: /from the target 2001:db8:1::10 itself/,
  });
});

test("under TLS: what the PORT named is not known, so a NAT device may have answered", () => {
  const ftp = new Dialogue({ vantage: "server" }).secureLogin();
  ftp.askSealed("PORT 192,0,2,10,199,58", ["200 PORT command successful."]);
  ftp.askSealed("LIST", []);
  const { syn, reset } = ftp.net.synRefused(ftp.ends(51002, {}, "server"));
  ftp.control.sealed("server", "425 Failed to establish connection.\r\n");
  ftp.quitSealed();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [syn, reset],
    contributing: ["control-encrypted"],
    alternatives: ["port-private-address"],
  });
});

test("silent: not answered at all, or the private address of the PORT refuses", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.active(51002);
  ftp.ask("LIST");
  ftp.net.synUnanswered(ftp.ends(51002, {}, "server"));
  ftp.control.server("425 Failed to establish connection.\r\n");
  ftp.active(51003, "10.7.7.7");
  ftp.ask("LIST");
  ftp.net.synRefused(ftp.ends(51003, { address: "10.7.7.7" }, "server"));
  ftp.control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  const [blocked, nat] = ftp.channels();
  judges(blocked, "failed", "active-inbound-blocked");
  judges(nat, "failed", "port-private-address");
});

test("silent: the passive port refuses", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  ftp.net.synRefused(ftp.ends(50002));
  ftp.quit();
  judges(ftp.channel(), "failed", "data-port-rejected");
});

test("silent: the server has given up before its SYN, and the client does not listen any more", () => {
  const refused = (late: boolean) => {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.active(51002);
    ftp.ask("LIST");
    if (late) ftp.pause(30).control.server("425 Failed to establish connection.\r\n");
    ftp.net.synRefused(ftp.ends(51002, {}, "server"));
    if (!late) ftp.control.server("425 Failed to establish connection.\r\n");
    return ftp.quit().channel();
  };
  judges(refused(true), "undetermined");
  judges(refused(false), "failed", CAUSE);
});

test("a third host that PORT names refuses: it is not said to be the client, and passive mode alone is no advice (FXP)", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.active(50110, OTHER);
  ftp.ask("RETR data.bin");
  const ends = { client: `${OTHER}:50110`, server: `${SERVER}:36551`, originator: "server" } as const;
  const { syn, reset } = ftp.net.synRefused({ ...ends, ttl: 60 });
  ftp.control.server("425 Unable to build data connection: Connection refused\r\n");
  shows(ftp.quit().channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [syn, reset],
    says: [/198\.51\.100\.77:50110, the third host that the negotiation names, not the client/],
    remedy: /^PORT names a third host\. If that is another server \(FXP\), it has to let this server in/,
  });
});
