import { test } from "node:test";
import { CLIENT6, Dialogue, judges, ROUTER, SERVER6, shows } from "../dialogue.ts";
import { SMALL_SEGMENT, STALL_RETRANSMISSIONS } from "../thresholds.ts";

const CAUSE = "mtu-blackhole";

/** A download whose first segment, of `length` bytes, is never acknowledged. */
function download(length: number, times: number, options: ConstructorParameters<typeof Dialogue>[0] = {}) {
  const ftp = new Dialogue({ vantage: "server", ...options }).login();
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR big", `150 Opening BINARY mode data connection for big (${length} bytes).`);
  const [first] = data.serverData(length, { acked: false });
  const repeats = data.retransmit(first, { times });
  return { ftp, data, first, repeats };
}

test("server side: full-size segments are repeated, small packets pass, IPv4 and IPv6", () => {
  for (const [options, length] of [
    [{}, 1448],
    [{ client: CLIENT6, server: SERVER6, software: "proftpd" }, 1428],
  ] as const) {
    const { ftp, data, repeats } = download(5000, 5, options);
    const failed = ftp.pause(5).control.server("426 Transfer aborted. Data connection closed\r\n");
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [repeats[0], data.handshake.ack],
      alternatives: ["data-stalled"],
      says: [new RegExp(`${length} bytes from .*repeated 5 times over 6\\.0 s`), /small packets .* pass/],
    });
    void failed;
  }
});

test("client side of an upload; the ICMP that says too big is ignored; small segments were acknowledged", () => {
  const ftp = new Dialogue({ software: "pure-ftpd" }).login();
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("STOR upload", "150 Accepted data connection");
  data.clientData(400);
  const [first] = data.clientData(2896, { acked: false });
  const icmp = ftp.net.icmpError({ from: ROUTER, type: 3, code: 4, mtu: 1400, quoting: first });
  const repeats = data.retransmit(first, { times: 4 });
  const ack = ftp.net.last; // nothing came back since the 400 bytes
  ftp.pause(5).control.server("451 Error during read from data connection\r\n");
  ftp.quit();
  const channel = ftp.channel();
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [repeats[0], first - 1, icmp],
    says: [/segments of up to 400 bytes were acknowledged/, /next hop MTU 1400: ignored/],
  });
  void ack;
});

test("226 is not proof: ProFTPD says it although the data never arrived", () => {
  const { ftp, data, repeats } = download(1448, 4, { software: "proftpd" });
  data.fin("server");
  ftp.pause(2).control.server("226 Transfer complete\r\n");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [repeats[0], data.handshake.ack],
  });
});

test("under TLS: the certificate flight of the data handshake", () => {
  const ftp = new Dialogue({ vantage: "server" }).secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const data = ftp.dial(50002);
  ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
  const [hello, flight] = data.tls({ certificateLength: 4000 }, 2);
  const repeats = data.retransmit(hello + 1, { times: 5 });
  ftp.pause(5).quitSealed();
  shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence: "likely", evidence: [repeats[0], hello] });
  void flight;
});

test("thresholds: retransmissions, and how large a segment must be", () => {
  const outcome = (length: number, times: number) => {
    const { ftp } = download(length, times);
    ftp.pause(5).control.server("426 Failure writing network stream.\r\n");
    ftp.quit();
    return ftp.channel();
  };
  judges(outcome(1448, STALL_RETRANSMISSIONS + 1), "failed", CAUSE);
  judges(outcome(1448, STALL_RETRANSMISSIONS - 1), "failed", "data-stalled"); // 5 s of silence, and no more is known
  judges(outcome(SMALL_SEGMENT, 4), "failed", CAUSE);
  judges(outcome(SMALL_SEGMENT - 1, 4), "failed", "data-stalled");
});

test("silent: large segments were acknowledged before, so the path stalls", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes).");
  data.serverData(14_480);
  const [lost] = data.serverData(1448, { acked: false });
  data.retransmit(lost, { times: 5 });
  ftp.pause(5).control.server("426 Failure writing network stream.\r\n");
  ftp.quit();
  judges(ftp.channel(), "failed", "data-stalled");
});

test("silent: a small segment led the flight, and one acknowledgment was for all of it", () => {
  const acknowledged = (bytes: number) => {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.extended(50002);
    const data = ftp.dial(50002, { serverIsn: 999 });
    ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes).");
    data.serverData(100, { acked: false });
    data.serverData(4344, { acked: false });
    data.segment("client", { flags: "A", ack: 1000 + bytes });
    for (let turn = 0; turn < 5; turn++) {
      data.segment("server", { flags: "A", seq: 1000 + bytes, payload: new Uint8Array(1448) });
      ftp.pause(0.2 * 2 ** turn);
    }
    ftp.pause(5).control.server("426 Failure writing network stream.\r\n");
    return ftp.quit().channel();
  };
  judges(acknowledged(100), "failed", CAUSE);
  judges(acknowledged(100 + 1448), "failed", "data-stalled");
  judges(acknowledged(100 + 4344), "failed", "data-stalled");
});

test("silent: of what segmentation offload shows as one segment full-size ones were acknowledged", () => {
  const acknowledged = (bytes: number) => {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.extended(50002);
    const data = ftp.dial(50002, { serverIsn: 999 });
    ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes).");
    data.serverData(28_960, { gso: true, acked: false });
    if (bytes > 0) data.segment("client", { flags: "A", ack: 1000 + bytes });
    for (let turn = 0; turn < 5; turn++) {
      data.segment("server", { flags: "A", seq: 1000 + bytes, payload: new Uint8Array(1448) });
      ftp.pause(0.2 * 2 ** turn);
    }
    ftp.pause(5).control.server("426 Failure writing network stream.\r\n");
    return ftp.quit().channel();
  };
  judges(acknowledged(0), "failed", CAUSE);
  judges(acknowledged(10_136), "failed", "data-stalled");
});

test("silent: of two merged captures one runs late, and acknowledgments stand before what they acknowledge", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes).");
  data.serverData(1448, { acked: false });
  ftp.net.move(data.ack("client"), -1);
  const [lost] = data.serverData(1448, { acked: false });
  data.retransmit(lost, { times: 5 });
  ftp.pause(5).control.server("426 Failure writing network stream.\r\n");
  judges(ftp.quit().channel(), "failed", "data-stalled");
});

test("silent: burst loss, in which small segments are lost as well; and loss that recovers", () => {
  const burst = new Dialogue({ vantage: "server" }).login();
  burst.extended(50002);
  const data = burst.dial(50002);
  burst.ask("LIST", "150 Here comes the directory listing.");
  const [small] = data.serverData(200, { acked: false });
  data.retransmit(small, { times: 5 });
  burst.pause(5).control.server("426 Failure writing network stream.\r\n");
  burst.quit();
  judges(burst.channel(), "failed", "data-stalled");

  const { ftp, data: recovering } = download(1448, 5);
  recovering.ack("client");
  recovering.finish("server");
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  judges(ftp.channel(), "ok");
});

test("silent: what is small does not get through either: the 150 is repeated as well", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes).");
  const [lost] = data.serverData(1448, { acked: false });
  data.retransmit(lost, { times: 5 });
  ftp.control.retransmit("server", { times: 5 });
  judges(ftp.channel(), "failed", "data-stalled");
});

/** The server repeats a full segment, of which the capture has no acknowledgment after what `show` sends. */
function stalledAfter(show: (ftp: Dialogue, data: ReturnType<Dialogue["dial"]>) => void) {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes).");
  show(ftp, data);
  const [lost] = data.serverData(1448, { acked: false });
  data.retransmit(lost, { times: 5 });
  ftp.pause(5).control.server("426 Failure writing network stream.\r\n");
  return ftp.quit().channel();
}

test("silent: acknowledgments are not in the capture, and what is repeated is not the first that was sent", () => {
  const unheard = (bytes: number) => stalledAfter((_, data) => data.serverData(bytes, { acked: false }));
  judges(unheard(14_480), "failed", "data-stalled");
  judges(unheard(1448), "failed", "data-stalled");
  // All that is known to have arrived is small.
  judges(unheard(400), "failed", CAUSE);
});

test("silent: of what arrived the capture lacks the segments, so nobody knows how large they were", () => {
  judges(
    stalledAfter((_, data) => data.skip("server", 14_480)),
    "failed",
    "data-stalled",
  );
  const inTheMiddle = (ftp: Dialogue, data: ReturnType<Dialogue["dial"]>) => {
    data.serverData(400);
    ftp.net.uncaptured(() => data.serverData(14_480));
    data.serverData(400);
  };
  judges(stalledAfter(inTheMiddle), "failed", "data-stalled");
  // A hole in which no large one has room hides none.
  const before = (bytes: number) =>
    stalledAfter((ftp, data) => {
      ftp.net.uncaptured(() => data.serverData(bytes));
      data.serverData(100);
    });
  judges(before(SMALL_SEGMENT), "failed", "data-stalled");
  judges(before(SMALL_SEGMENT - 1), "failed", CAUSE);
});
