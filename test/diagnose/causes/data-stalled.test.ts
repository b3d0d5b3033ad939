import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "../../support/capture-builder.ts";
import { applicationRecord, sealedAlert } from "../../support/tls-records.ts";
import { Dialogue, judges, shows } from "../dialogue.ts";
import {
  ANSWER_SECONDS,
  HIDDEN_SILENCE_SECONDS,
  SILENCE_SECONDS,
  STALL_RETRANSMISSIONS,
  STALL_SECONDS,
  ZERO_WINDOW_SECONDS,
} from "../thresholds.ts";

const CAUSE = "data-stalled";

/** A download of which `sent` bytes have passed. */
function download(sent = 20_000, options: ConstructorParameters<typeof Dialogue>[0] = {}, size = 900_000) {
  const ftp = new Dialogue(options).login();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR big", `150 Opening BINARY mode data connection for big (${size} bytes).`);
  const sentPackets = sent > 0 ? data.serverData(sent) : [];
  return { ftp, data, last: sentPackets.at(-1) ?? 0 };
}

test("server side: one direction only repeats itself, segments of every size", () => {
  const { ftp, data } = download(20_000, { vantage: "server" });
  const [lost] = data.serverData(1448, { acked: false });
  const repeats = data.retransmit(lost, { times: 5 });
  ftp.pause(5).control.client("QUIT\r\n");
  ftp.control.server("426 Failure writing network stream.\r\n");
  const failed = ftp.net.last;
  ftp.control.server("221 Goodbye.\r\n");
  ftp.control.finish("server");
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [repeats[0], failed],
    says: /203\.0\.113\.5:50002 repeats the same data 5 times over 6\.0 s, never acknowledged/,
  });
});

test("silent: of the data connection the capture has the SYNs alone", () => {
  const silent = (onlySyns: boolean) => {
    const { ftp, data } = download(0);
    const { ack } = data.handshake;
    ftp.pause(SILENCE_SECONDS + 1).control.finish("client");
    if (onlySyns) ftp.net.drop(ack);
    return ftp.channel();
  };
  judges(silent(true), "undetermined");
  judges(silent(false), "failed", CAUSE);
});

test("retransmissions and their span at both sides", () => {
  const repeated = (times: number, everyMs: number) => {
    const { ftp, data } = download(20_000, { vantage: "server" });
    const [lost] = data.serverData(1448, { acked: false });
    data.retransmit(lost, { times, afterMs: everyMs });
    ftp.control.server("426 Failure writing network stream.\r\n");
    ftp.quit();
    return ftp.channel();
  };
  judges(repeated(STALL_RETRANSMISSIONS, 1000), "failed", CAUSE);
  judges(repeated(STALL_RETRANSMISSIONS - 1, 1000), "undetermined");
  judges(repeated(5, (STALL_SECONDS * 1000 + 100) / 5), "failed", CAUSE);
  judges(repeated(5, (STALL_SECONDS * 1000 - 100) / 5), "undetermined");
});

test("client side: nothing arrives any more, and the client gives up", () => {
  const silent = (seconds: number) => {
    const { ftp, data, last } = download();
    ftp.pause(seconds);
    data.fin("client");
    const quit = ftp.control.client("QUIT\r\n");
    const failed = ftp.control.server("426 Failure writing network stream.\r\n");
    ftp.control.server("221 Goodbye.\r\n");
    ftp.control.finish("server");
    return { channel: ftp.channel(), last, failed, quit };
  };
  const { channel, last, failed } = silent(SILENCE_SECONDS + 1);
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [last, failed],
    says: /the last data after 20000 bytes; then nothing arrives for 6\.\d s, though all is acknowledged and the window open \(\d{5} bytes\)/,
  });
  judges(silent(SILENCE_SECONDS - 1).channel, "undetermined");
});

test("silent: the server's RST on the control connection stands behind words that the capture lacks", () => {
  const { ftp } = download();
  ftp.pause(SILENCE_SECONDS + 1).control.skip("server", 39);
  ftp.control.segment("server", { flags: "R", window: 0 });
  judges(ftp.channel(), "undetermined");
});

test("the receiver keeps its window closed: its own doing, and said so", () => {
  const closed = (seconds: number) => {
    const { ftp, data } = download();
    const zero = data.zeroWindow("client");
    for (let waited = 0; waited < seconds; waited += 1) {
      ftp.pause(1);
      data.zeroWindow("client");
    }
    data.reset("client");
    const failed = ftp.control.server("426 Failure writing network stream.\r\n");
    ftp.quit();
    return { channel: ftp.channel(), zero, failed };
  };
  const { channel } = closed(ZERO_WINDOW_SECONDS - 2);
  judges(channel, "failed", "data-connection-reset");

  const timesOut = (seconds: number) => {
    const { ftp, data, last } = download();
    const zero = data.zeroWindow("client");
    for (let i = 0; i < seconds; i++) {
      ftp.pause(1);
      data.zeroWindow("client");
    }
    const failed = ftp.control.server("421 Data timeout. Reconnect. Sorry.\r\n");
    ftp.control.finish("server");
    return { channel: ftp.channel(), zero, last, failed };
  };
  const long = timesOut(ZERO_WINDOW_SECONDS + 1);
  shows(long.channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [long.zero, long.failed],
    says: /192\.0\.2\.10:\d+ keeps its receive window at zero for 11\.\d s: the receiver stopped reading/,
  });
  const short = timesOut(ZERO_WINDOW_SECONDS - 1);
  shows(short.channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [short.last, short.failed],
    says: /then nothing arrives for 9\.\d s/,
  });
});

test("the sender's FIN is here and data before it never arrived", () => {
  const { ftp, data } = download();
  ftp.net.uncaptured(() => data.serverData(2896, { acked: false }));
  data.serverData(404, { acked: false });
  const fin = data.fin("server");
  data.segment("client", { flags: "A", ack: data.position("server").seq - 2896 - 404 - 1 });
  ftp.pause(SILENCE_SECONDS + 1);
  const failed = ftp.control.server("426 Failure writing network stream.\r\n");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [fin, failed],
    alternatives: ["mtu-blackhole"],
    says: /2896 bytes before it never arrived/,
  });
});

test("only the sender's FIN arrives of its last segments: nothing is complete, also where nobody says that it failed", () => {
  const cutOff = (wait: number, { acknowledged = 0 }: { acknowledged?: number } = {}) => {
    const { ftp, data } = download(27_512, {}, 40_000);
    ftp.net.uncaptured(() => data.serverData(12_488, { acked: false }));
    const fin = data.fin("server");
    const ack = data.position("server").seq - 12_488 - 1 + acknowledged;
    data.segment("client", { flags: "A", ack });
    ftp.pause(wait).ask("QUIT");
    ftp.control.fin("client");
    data.segment("client", { flags: "FA", ack });
    return { channel: ftp.channel(), fin };
  };
  const { channel, fin } = cutOff(SILENCE_SECONDS + 1);
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [fin],
    alternatives: ["mtu-blackhole"],
    says: /the sender's FIN is here, 12488 bytes before it never arrived/,
  });
  judges(cutOff(SILENCE_SECONDS - 2).channel, "undetermined");
  // The receiver has them: it is the capture that lacks them.
  judges(cutOff(SILENCE_SECONDS + 1, { acknowledged: 12_488 + 1 }).channel, "ok");
  judges(cutOff(SILENCE_SECONDS + 1, { acknowledged: 4000 }).channel, "undetermined");
});

test("226 is said when all was handed to the server's own host: the client waits for the rest in vain", () => {
  const waits = (
    announced: string,
    seconds: number,
    end: (data: Connection) => void,
    last?: "zero window" | "more",
  ) => {
    const ftp = new Dialogue({ software: "pure-ftpd" }).login();
    ftp.ask("TYPE I", "200 TYPE is now 8-bit binary");
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("RETR big", announced);
    const carried = data.serverData(49_232).at(-1)!;
    const reply = ftp.control.server("226 Transfer complete.\r\n");
    if (last === "zero window") data.zeroWindow("client");
    if (last === "more") data.segment("server", { flags: "PA", payload: "x".repeat(100) });
    ftp.pause(seconds);
    end(data);
    ftp.quit();
    return { channel: ftp.channel(), carried, reply };
  };
  const leaves = (data: Connection) => void data.fin("client");
  for (const announced of [
    "150 Opening BINARY mode data connection for 'big' (150000 bytes).",
    // Pure-FTPd rounds to a tenth of 1024 bytes.
    "150-Accepted data connection\r\n150 146.5 kbytes to download",
  ]) {
    const { channel, carried, reply } = waits(announced, SILENCE_SECONDS + 1, leaves);
    shows(channel, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [carried, reply],
      says: /the last data after 49232 bytes; then nothing arrives for 6\.\d s, though all is acknowledged/,
    });
    assert.deepEqual(channel.limits, []);
    judges(waits(announced, SILENCE_SECONDS - 1, leaves).channel, "ok");
    // The client has stopped reading, or the server's end is seen.
    judges(waits(announced, SILENCE_SECONDS + 1, leaves, "zero window").channel, "ok");
    // More was on its way, and nobody repeats it: the capture lacks what followed.
    const without = (data: Connection) =>
      void data.segment("client", { flags: "FA", ack: data.position("server").seq - 100 });
    judges(waits(announced, SILENCE_SECONDS + 1, without, "more").channel, "ok");
    judges(waits(announced, 0.1, (data) => void data.finish("server")).channel, "failed", "transfer-truncated");
  }
  for (const announced of ["150 here it comes (49232 bytes)", "150 48.1 kbytes to download", "150 here it comes"])
    judges(waits(announced, SILENCE_SECONDS + 1, leaves).channel, "ok");
});

/** A data connection of which only SYNs and SYN-ACKs are seen, each so many seconds after the first. */
function unanswered(ftp: Dialogue, syns: readonly number[], synAcks: readonly number[]): { synAck: number } {
  const data = ftp.net.uncaptured(() => ftp.dial(50002));
  let synAck = 0;
  let now = 0;
  const events = [...syns.map((at) => [at, "S"] as const), ...synAcks.map((at) => [at + 0.01, "SA"] as const)];
  for (const [at, flags] of events.sort((a, b) => a[0] - b[0])) {
    ftp.pause(at - now);
    now = at;
    if (flags === "S") data.segment("client", { flags, seq: data.position("client").seq - 1, ack: 0 });
    else synAck = data.segment("server", { flags, seq: data.position("server").seq - 1 });
  }
  return { synAck };
}

test("the SYN-ACK never arrives: both ends repeat themselves", () => {
  for (const transfer of [true, false])
    for (const [vantage, says] of [
      ["server", /repeats its SYN-ACK 3 times over 7\.\d s, never acknowledged: it does not arrive/],
      ["client", /never acknowledged: the answer is in this capture, taken at the client, so the client's own host/],
    ] as const) {
      const ftp = new Dialogue({ vantage }).login();
      ftp.passive(50002);
      const { synAck } = unanswered(ftp, [0], [0, 1, 3, 7]);
      const evidence = [synAck];
      if (transfer) {
        ftp.ask("LIST");
        evidence.push(ftp.pause(50).control.server("425 Failed to establish connection.\r\n"));
      }
      ftp.quit();
      const channel = ftp.channel();
      shows(channel, {
        outcome: "failed",
        cause: CAUSE,
        confidence: "likely",
        evidence,
        alternatives: [],
        says,
        remedy: /sees only one direction of the connection \(asymmetric route\)/,
      });
    }
});

test("the client repeats its SYN though it was answered, under TLS as well, and an ABOR is the consequence", () => {
  const sealed = new Dialogue().secureLogin();
  sealed.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const lost = unanswered(sealed, [0, 1, 3], [0]);
  sealed.pause(5).quitSealed();
  shows(sealed.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [lost.synAck],
    contributing: [],
    says: /192\.0\.2\.10:\d+ repeats its SYN although 203\.0\.113\.5:50002 has answered it/,
  });

  const aborted = new Dialogue().login();
  aborted.passive(50002);
  aborted.ask("LIST");
  const { synAck } = unanswered(aborted, [0, 1, 3], [0, 1, 3]);
  aborted.ask("ABOR", "426 Failure writing network stream.", "226 ABOR ok.");
  aborted.quit();
  assert.equal(aborted.channel().cause, CAUSE);
  assert.equal(aborted.channel().evidence[0].packet, synAck);
});

test("silent: over a long way both ends repeat themselves before the answer can have come, and the capture ends", () => {
  for (const [synAcks, outcome] of [
    [[0, 1, 2], "undetermined"],
    [[0, 1, ANSWER_SECONDS], "failed"],
  ] as const) {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.passive(50002);
    unanswered(ftp, [0, 1], synAcks);
    judges(ftp.channel(), outcome, outcome === "failed" ? CAUSE : undefined);
  }
});

test("silent: the last repetition may have got through, for the client goes on behind it, and the capture ends before the next", () => {
  const goesOn = (seconds: number) => {
    const ftp = new Dialogue({ vantage: "server", software: "proftpd" }).login();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("LIST", "150 Opening ASCII mode data connection for file list");
    data.serverData(2896);
    const [tail] = data.serverData(952, { acked: false });
    data.retransmit(tail, { times: STALL_RETRANSMISSIONS + 1, afterMs: 800 });
    ftp.control.server("226 Transfer complete\r\n");
    ftp.passive(50003);
    ftp.list(ftp.dial(50003));
    return ftp.watch(seconds).channels()[0];
  };
  const early = goesOn(0.5);
  judges(early, "undetermined");
  assert.ok(early.limits.includes("capture-ends"));
  judges(goesOn(20), "failed", CAUSE);
});

test("silent: SYNs and SYN-ACKs that are not repeated in vain", () => {
  for (const [syns, synAcks] of [
    [[0], [0]],
    [[0, 1], [1]],
    [
      [0, 0.1],
      [0, 0.1],
    ],
  ]) {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.passive(50002);
    unanswered(ftp, syns, synAcks);
    ftp.pause(8).quit();
    judges(ftp.channel(), "not-attempted");
  }
  // The ACK did come in the end, and nothing was asked for; or the server sends data, so that only the capture lacks the ACK.
  for (const speaks of [false, true]) {
    const heard = new Dialogue({ vantage: "server" }).login();
    heard.passive(50002);
    const open = speaks ? heard.net.uncaptured(() => heard.dial(50002)) : heard.dial(50002);
    if (speaks) open.segment("client", { flags: "S", seq: open.position("client").seq - 1, ack: 0 });
    for (const seconds of [1, 2]) {
      heard.pause(seconds);
      open.segment("server", { flags: "SA", seq: open.position("server").seq - 1 });
    }
    if (speaks) open.segment("server", { flags: "PA", payload: "x".repeat(500) });
    heard.pause(8).quit();
    assert.equal(heard.channel().cause, null);
  }
  // The same with a transfer.
  const late = new Dialogue({ vantage: "server" }).login();
  late.passive(50002);
  const data = late.dial(50002);
  for (const seconds of [1, 2]) {
    late.pause(seconds);
    data.segment("server", { flags: "SA", seq: data.position("server").seq - 1 });
  }
  late.list(data);
  late.quit();
  judges(late.channel(), "ok");
});

test("under TLS: repetition in vain shows it as well", () => {
  const ftp = new Dialogue({ vantage: "server" }).secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const data = ftp.dial(50002);
  ftp.askSealed("RETR big", ["150 Opening BINARY mode data connection for big (900000 bytes)."]);
  data.tls({ resumption: "psk" });
  data.applicationData("server", 8000);
  data.ack("client");
  const lost = data.applicationData("server", 500);
  const repeats = data.retransmit(lost, { times: 5 });
  ftp.pause(5).quitSealed();
  shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence: "likely", evidence: [repeats[0]] });
});

/** A download under TLS that stops after a while, and what the client does after so many seconds of silence. */
function hiddenSilence(seconds: number, givesUp: (ftp: Dialogue, data: ReturnType<Dialogue["dial"]>) => void) {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const data = ftp.dial(50002);
  ftp.askSealed("RETR big", ["150 Opening BINARY mode data connection for big (900000 bytes)."]);
  data.tls({ resumption: "psk" });
  const last = data.applicationData("server", 1000);
  data.ack("client");
  givesUp(ftp.pause(seconds), data);
  return { channel: ftp.channel(), last };
}

test("under TLS: silence is possible once the receiver gives up, and takes longer to mean something", () => {
  const closes = (ftp: Dialogue, data: ReturnType<Dialogue["dial"]>) => {
    data.fin("client");
    data.ack("server");
    ftp.askSealed("ABOR", ["426 Failure writing network stream."]);
  };
  const { channel, last } = hiddenSilence(HIDDEN_SILENCE_SECONDS + 0.1, closes);
  shows(channel, { outcome: "failed", cause: CAUSE, confidence: "possible", evidence: [last] });
  judges(hiddenSilence(HIDDEN_SILENCE_SECONDS - 0.1, closes).channel, "undetermined");
});

test("silent under TLS: the client leaves, as after a reset that the capture lost", () => {
  const leaves = (ftp: Dialogue) => void ftp.control.fin("client");
  judges(hiddenSilence(HIDDEN_SILENCE_SECONDS + 20, leaves).channel, "undetermined");
  const closesUnheard = (_: Dialogue, data: ReturnType<Dialogue["dial"]>) => void data.fin("client");
  judges(hiddenSilence(HIDDEN_SILENCE_SECONDS + 20, closesUnheard).channel, "undetermined");
});

test("silent under TLS: a pause in which the session lives on, and an end of the data in order", () => {
  const keepsAlive = (ftp: Dialogue) => void ftp.askSealed("NOOP", ["200 NOOP ok."]);
  judges(hiddenSilence(HIDDEN_SILENCE_SECONDS + 20, keepsAlive).channel, "undetermined");
  const finishes = (ftp: Dialogue, data: ReturnType<Dialogue["dial"]>) => {
    data.closeNotify("server");
    data.finish("server");
    ftp.control.sealed("server", "226 Transfer complete.\r\n");
    ftp.quitSealed();
  };
  judges(hiddenSilence(HIDDEN_SILENCE_SECONDS + 20, finishes).channel, "ok");
});

test("silent: slow but moving; a window that opens again; loss that recovers", () => {
  const { ftp, data } = download(1448, { vantage: "server" }, 8896);
  for (let i = 0; i < 12; i++) {
    ftp.pause(SILENCE_SECONDS - 1);
    data.serverData(500);
  }
  data.zeroWindow("client");
  ftp.pause(ZERO_WINDOW_SECONDS + 5);
  data.ack("client");
  const [lost] = data.serverData(1448, { acked: false });
  data.retransmit(lost, { times: 4 });
  data.ack("client");
  data.finish("server");
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  judges(ftp.channel(), "ok");
});

test("silent: only full-size segments vanish; the capture ends in the middle", () => {
  const { ftp, data } = download(0, { vantage: "server" });
  const [first] = data.serverData(5000, { acked: false });
  data.retransmit(first, { times: 5 });
  ftp.pause(5).control.server("426 Failure writing network stream.\r\n");
  ftp.quit();
  judges(ftp.channel(), "failed", "mtu-blackhole");
  judges(download().ftp.channel(), "undetermined");
});

test("silent: a keep-alive NOOP during a long transfer", () => {
  const { ftp, data } = download(1448, {}, 4344);
  ftp.pause(3).ask("NOOP", "200 NOOP ok.");
  data.serverData(1448);
  ftp.pause(3).ask("NOOP", "200 NOOP ok.");
  data.serverData(1448);
  data.finish("server");
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  judges(ftp.channel(), "ok");
});

/** An upload that has begun. */
function upload() {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("STOR big", "150 Ok to send data.");
  data.clientData(14_600);
  return { ftp, data };
}

test("silent: no acknowledgment is in the capture, and what the server had repeated it went on behind", () => {
  const healed = (goesOn: boolean) => {
    const { ftp, data } = download(20_000, { vantage: "server" }, goesOn ? 41_448 : 21_448);
    const [lost] = data.serverData(1448, { acked: false });
    data.retransmit(lost, { times: 4, afterMs: 1000 });
    if (goesOn) data.serverData(20_000);
    data.fin("server");
    ftp.control.server("226 Transfer complete.\r\n");
    ftp.quit();
    ftp.net.edit((packets) => packets.filter(({ datagram }) => !(datagram[33] === 0x10 && datagram.length < 60)));
    return ftp.channel();
  };
  judges(healed(true), "ok");
  // Repeated to the end: ProFTPD says 226 to a client that got nothing.
  judges(healed(false), "failed", CAUSE);
});

test("silent: repeated here and there, and each time it went on behind", () => {
  const { ftp, data } = download(20_000, { vantage: "server" }, 34_480);
  const sent = data.serverData(14_480, { acked: false });
  for (const lost of [sent[1], sent[3], sent[5], sent[7]]) data.retransmit(lost, { afterMs: 1000 });
  data.fin("server");
  ftp.control.server("226 Transfer complete.\r\n");
  judges(ftp.quit().channel(), "ok");
});

test("a hole in what arrived before the silence hides nothing of it; bytes that the capture lacks at its end may have come in it", () => {
  const without = (place: "middle" | "end") => {
    const { ftp, data } = download(0);
    const sent = data.serverData(20_000);
    ftp.pause(SILENCE_SECONDS + 1);
    data.fin("client");
    ftp.control.server("426 Failure writing network stream.\r\n");
    ftp.quit();
    ftp.net.drop(place === "middle" ? sent[3] : sent.at(-1)!);
    return ftp.channel();
  };
  judges(without("middle"), "failed", CAUSE);
  judges(without("end"), "undetermined");
});

test("silent: of the data connection the capture has one direction, and nobody knows what moved in the other", () => {
  const without = (side: "client" | "server") => {
    const { ftp, data } = download(20_000);
    ftp.pause(SILENCE_SECONDS + 1);
    data.serverData(20_000);
    ftp.pause(SILENCE_SECONDS + 1);
    data.reset(side);
    ftp.control.server("426 Failure writing network stream.\r\n");
    ftp.quit();
    const from = side === "client" ? 203 : 192;
    ftp.net.edit((packets) =>
      packets.filter(
        ({ datagram }) => datagram[12] === from || [20, 22].some((at) => datagram[at] === 0 && datagram[at + 1] === 21),
      ),
    );
    return ftp.channel();
  };
  judges(without("client"), "undetermined");
  judges(without("server"), "undetermined");
});

test("silent: bytes are missing before the sender's FIN, and 226 says that all came: the receiver's acknowledgments are not in the capture", () => {
  const confirmed = (lose: (packets: { last: number; acks: number[] }) => number[]) => {
    const { ftp, data } = upload();
    const [, middle] = data.clientData(4380, { acked: false });
    const acks = [data.ack("server")];
    ftp.pause(SILENCE_SECONDS + 1);
    data.fin("client");
    acks.push(data.fin("server"), data.ack("server"));
    const end = data.ack("client");
    ftp.control.server("226 Transfer complete.\r\n");
    ftp.quit();
    ftp.net.drop(middle, ...lose({ last: end, acks }));
    return ftp.channel();
  };
  judges(
    confirmed(({ acks }) => acks),
    "ok",
  ); // the client acknowledges a FIN that is not here
  judges(
    confirmed(({ acks, last }) => [...acks, last]),
    "ok",
  ); // nothing more is heard of the server

  const { ftp, data } = upload();
  ftp.net.uncaptured(() => data.clientData(2896, { acked: false }));
  data.clientData(404, { acked: false });
  data.fin("client");
  ftp.pause(SILENCE_SECONDS + 1);
  data.segment("server", { flags: "R" }); // acknowledges nothing
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  judges(ftp.channel(), "ok");
});

/**
 * A TLS transfer whose handshake passes and whose full-size segments do not; the client gives up. What arrives of them by the capture's end, and how far
 * the server says it is when the client has left, is up to the test.
 */
function blackHole(options: {
  readonly seconds: number;
  readonly tail?: number;
  readonly standsBehind?: number;
  readonly saysAfter?: boolean;
  /** The server's FIN follows the tail. */
  readonly closed?: boolean;
}) {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", [ftp.texts.epsv(50002)]);
  const data = ftp.dial(50002);
  ftp.askSealed("RETR big.bin", ["150 Opening BINARY mode data connection for big.bin (40000 bytes)."]);
  data.tls({}, 3);
  data.say("server", applicationRecord(250));
  data.ack("client");
  const at = { client: data.position("client").seq, server: data.position("server").seq };
  const { tail = 0, standsBehind = 0 } = options;
  const behind =
    tail > 0
      ? data.segment("server", { flags: "PA", seq: at.server + 1448, payload: new Uint8Array(tail).fill(1) })
      : 0;
  if (options.closed) data.segment("server", { flags: "FA", seq: at.server + 1448 + tail });
  if (tail > 0) data.segment("client", { flags: "A", seq: at.client, ack: at.server });
  ftp.pause(options.seconds);
  data.segment("client", { flags: "PA", seq: at.client, ack: at.server, payload: sealedAlert() });
  data.segment("client", { flags: "FA", seq: at.client + 24, ack: at.server });
  ftp.control.closeNotify("client");
  ftp.control.fin("client");
  if (options.saysAfter) ftp.control.sealed("server", "226 Transfer complete.\r\n");
  else ftp.control.ack("server");
  const answer = data.segment("server", {
    flags: "A",
    seq: at.server + (tail > 0 ? 1448 + tail : standsBehind),
    ack: at.client + 25,
  });
  return { channel: ftp.watch(5).channel(), behind, answer };
}

test("under TLS: what was sent and never arrived, as the sequence numbers behind it tell", () => {
  const named = blackHole({ seconds: HIDDEN_SILENCE_SECONDS + 1, standsBehind: 18_824 });
  shows(named.channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [named.answer],
    says: /203\.0\.113\.5:50002 has sent 18824 bytes before this packet that never arrived; 192\.0\.2\.10:\d+ closes without them after 11\.\d s/,
    alternatives: ["mtu-blackhole"],
  });
  const hole = blackHole({ seconds: HIDDEN_SILENCE_SECONDS + 1, tail: 1188 });
  shows(hole.channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [hole.behind],
    says: /has sent 1448 bytes before this packet that never arrived/,
    alternatives: ["mtu-blackhole"],
  });
  assert.deepEqual(hole.channel.limits, []);
  // The server's FIN comes through as well, and it confirms what it has handed to its own host.
  const closed = blackHole({ seconds: HIDDEN_SILENCE_SECONDS + 1, tail: 1188, closed: true, saysAfter: true });
  shows(closed.channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [closed.behind],
    says: /has sent 1448 bytes before this packet that never arrived; .* closes without them/,
    alternatives: ["mtu-blackhole"],
  });
  const brief = blackHole({ seconds: HIDDEN_SILENCE_SECONDS - 1, tail: 1188 }).channel;
  judges(brief, "undetermined");
  assert.deepEqual(brief.limits, [], "the capture has all that arrived, and goes on long enough");
});

test("silent under TLS: the client waits, gets nothing and leaves; only a server that goes on to confirm makes it an empty upload", () => {
  judges(blackHole({ seconds: HIDDEN_SILENCE_SECONDS + 1 }).channel, "undetermined");
  judges(blackHole({ seconds: HIDDEN_SILENCE_SECONDS + 1, saysAfter: true }).channel, "ok");
  judges(blackHole({ seconds: 1 }).channel, "ok");
});

test("silent under TLS: a FIN behind bytes that are not here, of which the receiver says nothing: the capture may lack them", () => {
  const cut = (heard: boolean) => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", [ftp.texts.epsv(50002)]);
    const data = ftp.dial(50002);
    ftp.askSealed("RETR big.bin", ["150 Opening BINARY mode data connection for big.bin (40000 bytes)."]);
    data.tls({}, 3);
    data.say("server", applicationRecord(250));
    data.ack("client");
    const { seq } = data.position("server");
    data.segment("server", { flags: "FA", seq: seq + 18_824 });
    if (heard) data.segment("client", { flags: "A", ack: seq });
    ftp.pause(HIDDEN_SILENCE_SECONDS + 1);
    ftp.control.closeNotify("client");
    ftp.control.fin("client");
    ftp.control.ack("server");
    return ftp.watch(5).channel();
  };
  judges(cut(true), "failed", CAUSE);
  judges(cut(false), "undetermined");
});

/** A TLS upload at the server: the Finished passes, the full-size segments behind it do not, and a tail does. */
function lostUpload(seconds: number, leaves: boolean, { confirmed = false, closed = false } = {}) {
  const ftp = new Dialogue({ vantage: "server" }).secureLogin();
  ftp.askSealed("EPSV", [ftp.texts.epsv(50002)]);
  const data = ftp.dial(50002);
  ftp.askSealed("STOR big.bin", ["150 Ok to send data."]);
  data.tls({ resumption: "psk" }, 3);
  data.ack("server");
  const at = { client: data.position("client").seq, server: data.position("server").seq };
  const tail = data.segment("client", { flags: "PA", seq: at.client + 15_928, payload: new Uint8Array(478).fill(1) });
  if (closed) data.segment("client", { flags: "FA", seq: at.client + 15_928 + 478 });
  data.segment("server", { flags: "A", seq: at.server, ack: at.client });
  if (confirmed) ftp.control.sealed("server", "226 Transfer complete.\r\n");
  ftp.pause(seconds);
  if (leaves) {
    ftp.control.closeNotify("client");
    ftp.control.fin("client");
    ftp.control.ack("server");
  }
  return { channel: ftp.watch(5).channel(), tail };
}

test("under TLS at the receiver: a hole that stays, until the client leaves and the server has said nothing more", () => {
  // Where the FIN comes too, it is still the tail that stands behind the hole.
  for (const closed of [false, true]) {
    const { channel, tail } = lostUpload(HIDDEN_SILENCE_SECONDS + 1, true, { closed });
    shows(channel, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "possible",
      evidence: [tail],
      says: /has sent 15928 bytes before this packet that never arrived; the client leaves after 11\.\d s/,
      alternatives: ["mtu-blackhole"],
    });
  }
  for (const other of [
    lostUpload(HIDDEN_SILENCE_SECONDS - 1, true),
    lostUpload(HIDDEN_SILENCE_SECONDS + 1, false),
    lostUpload(HIDDEN_SILENCE_SECONDS + 1, true, { confirmed: true }),
  ]) {
    judges(other.channel, "undetermined");
    assert.ok(!other.channel.limits.includes("data-gap"), "the server has not got them either");
  }
});
