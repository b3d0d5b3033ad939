import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT, CLIENT6, Dialogue, type DialogueOptions, judges, SERVER, SERVER6, shows } from "../dialogue.ts";

const CAUSE = "pasv-unusable-address";

/** A login, in a capture that also holds other TCP of the client: it is not filtered to the control port. */
function unfiltered(options: DialogueOptions = {}): Dialogue {
  const ftp = new Dialogue(options);
  const [client, server] = options.client === CLIENT6 ? [`[${CLIENT6}]`, `[${SERVER6}]`] : [CLIENT, SERVER];
  ftp.net.connect({ client: `${client}:40900`, server: `${server}:443` });
  return ftp.login();
}

test("0.0.0.0, loopback and multicast: the client dials itself, and no packet is on the wire", () => {
  for (const [address, kind] of [
    ["0.0.0.0", "unspecified"],
    ["127.0.0.1", "loopback"],
    ["239.1.2.3", "multicast"],
  ]) {
    const ftp = unfiltered({ software: "pyftpdlib" });
    const pasv = ftp.passive(50000, address);
    ftp.pause(10).quit();
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [pasv.reply],
      says: new RegExp(`227 advertises ${address.replaceAll(".", "\\.")}:50000, ${kind}`),
    });
    // Nothing here is of IPv6, and EPSV has no address that could be wrong.
    assert.match(ftp.channel().remedy[1], /^Use EPSV where client and server allow it/);
  }
});

test("vsftpd's 0,0,0,0 on an IPv6 control connection: EPSV is advised", () => {
  const ftp = unfiltered({ client: CLIENT6, server: SERVER6 });
  const pasv = ftp.passive(50000, "0.0.0.0");
  ftp.pause(10).quit();
  const channel = ftp.channel();
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [pasv.reply],
    says: /IPv6 control connection.*use EPSV/,
    remedy: /^On an IPv6 control connection use EPSV/,
  });
});

test("port 0, in a 227 and in a 229, and a 425 after it", () => {
  const ftp = new Dialogue().login();
  const pasv = ftp.passive(0);
  ftp.ask("LIST");
  ftp.pause(60).control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [pasv.reply],
    says: /203\.0\.113\.5:0, a port that no other host can dial/,
  });
  const extended = new Dialogue().login();
  const epsv = extended.extended(0);
  extended.pause(10).quit();
  shows(extended.channel(), { outcome: "failed", cause: CAUSE, confidence: "certain", evidence: [epsv.reply] });
});

test("silent: a tunnel, or both ends on one host, where loopback is right", () => {
  const ftp = new Dialogue({ client: "127.0.0.1", server: "127.0.0.1" }).login();
  ftp.passive(50000);
  ftp.list(ftp.dial(50000));
  ftp.passive(50001);
  ftp.net.synRefused({ ...ftp.ends(50001), ttl: 64 });
  ftp.passive(50002, "127.0.1.1");
  ftp.pause(10).quit();
  const [works, refused, unseen] = ftp.channels();
  judges(works, "ok");
  judges(refused, "failed", "data-port-rejected");
  judges(unseen, "failed", "syn-not-seen");
});

test("silent: the client dials the control server instead, which works or is blocked", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50000, "0.0.0.0");
  ftp.list(ftp.dial(50000));
  ftp.passive(50001, "127.0.0.1");
  ftp.net.synUnanswered(ftp.ends(50001));
  ftp.quit();
  const [works, blocked] = ftp.channels();
  judges(works, "ok");
  judges(blocked, "failed", "data-port-filtered");
});

test("where the client's SYN to the control server may be unseen it is likely: at the server, or filtered to the control port", () => {
  for (const ftp of [unfiltered({ vantage: "server" }), unfiltered({ vantage: "middle" }), new Dialogue().login()]) {
    const pasv = ftp.passive(50000, "0.0.0.0");
    ftp.pause(10).quit();
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [pasv.reply, pasv.reply],
      alternatives: ["syn-not-seen"],
    });
  }
  // Port 0 nobody can dial, whatever the address.
  const nowhere = unfiltered({ vantage: "server" });
  nowhere.passive(0);
  nowhere.pause(10).quit();
  assert.equal(nowhere.channel().confidence, "certain");
});

test("silent: in the channel before the client dialled the control server instead, and now its SYN does not come", () => {
  for (const vantage of ["server", "client"] as const) {
    const ftp = unfiltered({ vantage });
    ftp.passive(50000, "0.0.0.0");
    ftp.list(ftp.dial(50000));
    ftp.passive(50001, "0.0.0.0");
    ftp.pause(10).quit();
    const [works, unseen] = ftp.channels();
    judges(works, "ok");
    judges(unseen, "failed", "syn-not-seen");
  }
});
