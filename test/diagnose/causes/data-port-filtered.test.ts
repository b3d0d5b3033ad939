import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT6, Dialogue, judges, SERVER6, shows } from "../dialogue.ts";
import { ANSWER_SECONDS, BACKOFF_SECONDS, DIAL_SECONDS, REPEATED_SYNS } from "../thresholds.ts";

const CAUSE = "data-port-filtered";

test("passive, by PASV and EPSV, IPv4 and IPv6: SYNs with back-off, no answer, control alive", () => {
  for (const ftp of [
    new Dialogue().login(),
    new Dialogue({ vantage: "middle", software: "pure-ftpd" }).login(),
    new Dialogue({ client: CLIENT6, server: SERVER6, software: "proftpd" }).login(),
  ]) {
    const granted = ftp.server.includes(":") ? ftp.extended(50002) : ftp.passive(50002);
    const [syn] = ftp.net.synUnanswered(ftp.ends(50002));
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [granted.reply, syn, ftp.net.last], // the server's last ACK ends the capture
      alternatives: ["data-port-rejected"],
      says: [/grants port 50002/, /SYN to .*:50002, sent 5 times over 4\.0 s, never answered/, /the server lives/],
    });
  }
});

test("under TLS: the attempt alone shows it; after CCC the negotiation does too", () => {
  const hidden = new Dialogue().secureLogin();
  hidden.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const [syn] = hidden.net.synUnanswered(hidden.ends(50002));
  hidden.quitSealed();
  shows(hidden.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [syn, hidden.net.last],
    contributing: ["control-encrypted"],
  });

  const clear = new Dialogue().secureLogin().clearAgain();
  const granted = clear.passive(50002);
  const [again] = clear.net.synUnanswered(clear.ends(50002));
  clear.quit();
  shows(clear.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [granted.reply, again, clear.net.last],
  });
});

test("the SYN goes to another host than the control connection, which is said: the 227 may have named it", () => {
  const hidden = new Dialogue().secureLogin();
  hidden.askSealed("PASV", ["227 Entering Passive Mode (198,51,100,77,195,82)."]);
  const [syn] = hidden.net.synUnanswered(hidden.ends(50002, { address: "198.51.100.77" }));
  hidden.quitSealed();
  shows(hidden.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [syn, hidden.net.last],
    contributing: ["control-encrypted"],
    alternatives: ["pasv-wrong-address", "data-port-rejected"],
    says: /SYN to 198\.51\.100\.77:50002, not to the control connection's server 203\.0\.113\.5, sent 5 times/,
    remedy: /^The data connection goes to another host than the control connection/,
  });
  // Translated on its way to the server: the 227 can be read, and is right.
  const inside = new Dialogue({ vantage: "server", server: "10.20.30.43" }).login();
  inside.passive(50002, "203.0.113.41");
  inside.net.synUnanswered(inside.ends(50002, { address: "10.20.30.41" }));
  const channel = inside.quit().channel();
  judges(channel, "failed", CAUSE);
  assert.deepEqual(
    channel.alternatives.map(({ cause }) => cause),
    ["data-port-rejected"],
  );
  assert.match(channel.remedy[0], /^The data connection goes to another host than the control connection/);
});

test("several SYNs go unanswered, and a RST answers the last", () => {
  const answered = (schedule: readonly number[], seconds: number) => {
    const ftp = new Dialogue().login();
    const granted = ftp.passive(50002);
    const ends = ftp.ends(50002);
    const [syn] = ftp.net.synUnanswered({ ...ends, schedule, isn: 1000 });
    ftp.pause(seconds - (schedule.at(-1) ?? 0));
    const answer = { flags: "RA", seq: 0, ack: 1001, window: 0, ttl: 57 };
    const reset = ftp.net.segment({ ...answer, from: ends.server, to: ends.client });
    const channel = ftp.quit().channel();
    return { channel, evidence: [granted.reply, syn, reset, ftp.net.last] };
  };
  const { channel, evidence } = answered([1, ANSWER_SECONDS], ANSWER_SECONDS + 0.1);
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence,
    says: /sent 3 times over 3\.0 s, of which only the last is answered[\s\S]*RST 3\.1 s after the first SYN/,
  });
  judges(answered([1], ANSWER_SECONDS + 0.1).channel, "failed", "data-port-rejected");
  judges(answered([1, 2], ANSWER_SECONDS - 0.1).channel, "failed", "data-port-rejected");
});

test("two SYNs are likely; one is possible where the server says that nothing came, and nothing at the end of the capture", () => {
  const attempt = (retries: number, goesOn: number, reply?: string) => {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    if (reply) ftp.control.client("LIST\r\n");
    ftp.net.synUnanswered({ ...ftp.ends(50002), retries });
    ftp.pause(goesOn);
    if (reply) ftp.control.server(`${reply}\r\n`);
    else ftp.net.udp({ from: "192.0.2.10:5353", to: "192.0.2.1:53", payload: "other traffic" });
    return ftp.channel();
  };
  const two = attempt(REPEATED_SYNS - 1, 0);
  judges(two, "failed", CAUSE);
  assert.equal(two.confidence, "likely");
  const told = attempt(REPEATED_SYNS - 2, ANSWER_SECONDS + 0.1, "425 Failed to establish connection.");
  judges(told, "failed", CAUSE);
  assert.equal(told.confidence, "possible");
  // Sent once and not again though there was time: something told the client to stop.
  judges(attempt(REPEATED_SYNS - 2, ANSWER_SECONDS + 0.1), "undetermined");
  const early = attempt(0, ANSWER_SECONDS - 0.5);
  judges(early, "undetermined");
  assert.deepEqual(early.limits, ["capture-ends"]);
});

test("at the end of the capture: a SYN that is repeated after its back-off, and one repeated sooner", () => {
  const repeatedAfter = (seconds: number) => {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    ftp.net.synUnanswered({ ...ftp.ends(50002), retries: 1, schedule: [seconds] });
    return ftp.channel();
  };
  judges(repeatedAfter(BACKOFF_SECONDS + 0.05), "failed", CAUSE);
  judges(repeatedAfter(BACKOFF_SECONDS - 0.05), "undetermined");
});

test("under TLS: an attempt right after something was said, and one that may be any other traffic", () => {
  const dialledAfter = (seconds: number) => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    ftp.pause(seconds).net.synUnanswered(ftp.ends(50002));
    ftp.quitSealed();
    return ftp.channels().map(({ outcome, cause }) => `${outcome} ${cause}`);
  };
  assert.deepEqual(dialledAfter(DIAL_SECONDS - 0.1), [`failed ${CAUSE}`]);
  assert.deepEqual(
    dialledAfter(DIAL_SECONDS + 0.1).filter((told) => told.startsWith("failed")),
    [],
  );
});

/** SYN, the SYN-ACK of another host to the very port that the SYN came from, and its RST; then the client gives up. */
function answeredByAnother(client: { readonly resets: boolean; readonly asks: "PASV" | "EPSV" }) {
  const ftp = new Dialogue().login();
  const granted = client.asks === "PASV" ? ftp.passive(50002) : ftp.extended(50002);
  const ends = ftp.ends(50002);
  const stranger = "203.0.113.77:50002";
  const evidence = [granted.reply];
  for (const [at, ttl] of [57, 57].entries()) {
    const [syn] = ftp.net.synUnanswered({ ...ends, retries: 0, isn: 1000 });
    const answer = ftp.net.segment({ flags: "SA", seq: 7000, ack: 1001, ttl, from: stranger, to: ends.client });
    if (client.resets) ftp.net.segment({ flags: "R", seq: 1001, window: 0, from: ends.client, to: stranger });
    if (at === 0) evidence.push(syn, answer);
    ftp.pause(1.1);
  }
  ftp.quit();
  return { channel: ftp.channel(), evidence: [...evidence, ftp.net.last] };
}

test("another host answers the SYN, and the client knows nothing of it: the dialled one has not answered", () => {
  for (const asks of ["PASV", "EPSV"] as const) {
    for (const resets of [true, false]) {
      const { channel, evidence } = answeredByAnother({ resets, asks });
      shows(channel, {
        outcome: "failed",
        cause: CAUSE,
        confidence: "likely",
        evidence,
        alternatives: [],
        says: [
          /SYN to 203\.0\.113\.5:50002, sent 2 times over 1\.1 s, never answered/,
          /203\.0\.113\.77:50002 sends a SYN-ACK to the port that the SYN came from: not the host that was dialled/,
        ],
        remedy: /^The answer comes from another address than the one that was dialled/,
      });
      assert.equal(channel.connection?.match, "exact");
    }
  }
});

test("silent: one-sided capture, or a SYN-ACK that went another way", () => {
  const oneSided = new Dialogue().login();
  oneSided.passive(50002);
  const data = oneSided.dial(50002);
  oneSided.list(data);
  oneSided.quit();
  oneSided.net.edit((packets) => packets.filter(({ datagram }) => datagram[15] === 10)); // from 192.0.2.10 only
  for (const channel of oneSided.channels()) assert.equal(channel.cause, null);

  const asymmetric = new Dialogue().login();
  asymmetric.passive(50002);
  const other = asymmetric.dial(50002);
  asymmetric.list(other);
  asymmetric.quit();
  asymmetric.net.drop(other.handshake.synAck);
  judges(asymmetric.channel(), "ok");

  // The server confirms the transfer: its packets on the data connection passed elsewhere.
  const elsewhere = new Dialogue().login();
  elsewhere.passive(50002);
  elsewhere.net.synUnanswered(elsewhere.ends(50002));
  elsewhere.ask("LIST", "150 Here comes the directory listing.", "226 Directory send OK.");
  elsewhere.quit();
  judges(elsewhere.channel(), "ok");
});

test("silent: the whole path is gone, the control connection too", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  ftp.net.synUnanswered(ftp.ends(50002));
  ftp.control.client("QUIT\r\n");
  ftp.control.retransmit("client", { times: 4 });
  judges(ftp.channel(), "undetermined");
});

test("silent: refused, prohibited, or active mode", () => {
  const ftp = new Dialogue({ vantage: "middle" }).login();
  ftp.passive(50002);
  ftp.net.synRefused(ftp.ends(50002));
  ftp.passive(50003);
  ftp.net.synUnanswered({ ...ftp.ends(50003), retries: 0 });
  ftp.net.icmpError({ from: "198.51.100.1", type: 3, code: 10 });
  ftp.active(51002);
  ftp.ask("LIST");
  ftp.net.synUnanswered(ftp.ends(51002, {}, "server"));
  ftp.control.server("425 Failed to establish connection.\r\n");
  ftp.quit();
  const [rejected, prohibited, active] = ftp.channels();
  judges(rejected, "failed", "data-port-rejected");
  judges(prohibited, "failed", "icmp-prohibited");
  judges(active, "failed", "active-inbound-blocked");
});

test("silent: an attempt that another one of the same channel made good", () => {
  const ftp = new Dialogue().login();
  ftp.extended(50002);
  ftp.net.synUnanswered({ ...ftp.ends(50002), retries: 2 });
  ftp.list(ftp.dial(50002));
  ftp.quit();
  judges(ftp.channel(), "ok");
});

test("captured at the server no RST can be lost on its way back: the server's own side drops the SYN", () => {
  const dropped = (vantage: "server" | "client") => {
    const ftp = new Dialogue({ vantage }).login();
    ftp.passive(50002);
    ftp.ask("LIST");
    ftp.net.synUnanswered({ ...ftp.ends(50002), retries: 3 });
    ftp.ask("NOOP", "200 NOOP ok.");
    const { cause, alternatives, evidence } = ftp.channel();
    const places = evidence.filter(({ says }) => /^captured at the server .*: the SYN gets there/.test(says));
    return [cause, alternatives.map((other) => other.cause), places.length];
  };
  assert.deepEqual(dropped("server"), [CAUSE, [], 1]);
  assert.deepEqual(dropped("client"), [CAUSE, ["data-port-rejected"], 0]);
});
