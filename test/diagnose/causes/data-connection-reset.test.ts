import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataChannel } from "../../../src/analysis.ts";
import { analyzeCaptures } from "../../support/analyze-captures.ts";
import type { BuiltPacket, SegmentOptions } from "../../support/capture-builder.ts";
import { type RawPacket, rawPackets } from "../../support/capture-mutation.ts";
import { applicationRecord, JSSE_ZEROS, type TlsVersion } from "../../support/tls-records.ts";
import { CLIENT, CLIENT6, Dialogue, FORGED, judges, SERVER, SERVER6, shows } from "../dialogue.ts";
import { ANSWER_SECONDS, HIDDEN_SILENCE_SECONDS, STALL_RETRANSMISSIONS, ZERO_WINDOW_SECONDS } from "../thresholds.ts";

const CAUSE = "data-connection-reset";

/** How a listing is cut. */
interface Cut {
  readonly by?: SegmentOptions;
  /** Bytes of 2896 that the client has. */
  readonly acknowledged?: number;
  readonly vantage?: "client" | "server";
  readonly closes?: boolean;
}

/** A download of which `sent` bytes have passed. */
function download(sent = 20_000, options: ConstructorParameters<typeof Dialogue>[0] = {}) {
  const ftp = new Dialogue(options).login();
  ftp.ask("TYPE I", "200 Switching to Binary mode.");
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes).");
  if (sent > 0) data.serverData(sent);
  return { ftp, data };
}

test("content inspection cuts the download: a RST in the server's name that another host sent", () => {
  const { ftp, data } = download();
  const reset = data.reset("server", { ttl: 63, ipId: 7 });
  const failed = ftp.control.server("426 Failure writing network stream.\r\n");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [reset, failed],
    says: /RST in the server's name after 20000 bytes.*TTL 63, IP-ID 7, window 0.*6 hops before the host \(7 hops\), by a middlebox/,
    remedy: /^Find who sent the RST/,
  });
});

test("the server itself resets; the client resets an upload; IPv6", () => {
  const own = download(20_000, { client: CLIENT6, server: SERVER6, software: "pure-ftpd" });
  const reset = own.data.reset("server");
  const failed = own.ftp.control.server("451 Error during read from data connection\r\n");
  own.ftp.quit();
  shows(own.ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [reset, failed],
    says: /the TTL fits the host's other packets \(57\)/,
    remedy: /^By its TTL the host itself sent the RST/,
  });

  const upload = new Dialogue({ vantage: "server" }).login();
  upload.extended(50002);
  const stream = upload.dial(50002);
  upload.ask("STOR upload", "150 Ok to send data.");
  stream.clientData(9_000);
  const cut = stream.reset("client");
  const said = upload.control.server("426 Failure reading network stream.\r\n");
  upload.quit();
  shows(upload.channel(), { outcome: "failed", cause: CAUSE, confidence: "likely", evidence: [cut, said] });
});

test("the receiving client itself resets and then asks for the same again, or says no more: possible, it may have given up on purpose", () => {
  for (const retries of [true, false]) {
    const { ftp, data } = download();
    const reset = data.reset("client");
    const failed = ftp.control.server("426 Failure writing network stream.\r\n");
    ftp.control.ack("client");
    if (retries) {
      ftp.passive(50003);
      const again = ftp.dial(50003);
      ftp.ask("REST 20000", "350 Restart position accepted (20000).");
      ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes).");
      again.serverData(880_000);
      again.finish("server");
      ftp.control.server("226 Transfer complete.\r\n");
      ftp.quit();
    }
    const [first] = ftp.watch(ANSWER_SECONDS + 0.1).channels();
    shows(first, { outcome: "failed", cause: CAUSE, confidence: "possible", evidence: [reset, failed] });
  }
});

test("silent: the client broke its download off itself: its host resets, and it goes on to something else or leaves", () => {
  const endings: ((ftp: Dialogue) => void)[] = [
    (ftp) => ftp.quit(),
    (ftp) => void ftp.control.finish("client"),
    (ftp) => void ftp.control.reset("client"),
    (ftp) => {
      ftp.passive(50003);
      ftp.list(ftp.dial(50003));
      ftp.quit();
    },
  ];
  for (const end of endings) {
    for (const reply of ["426 Failure writing network stream.", "226 Transfer complete.", null]) {
      const { ftp, data } = download();
      const { seq } = data.position("server");
      data.serverData(3000);
      data.reset("client");
      // Twice: what was on its way is answered too. And an acknowledgment that was sent before comes behind it.
      data.reset("client");
      data.segment("client", { flags: "A", ack: seq });
      if (reply) ftp.control.server(`${reply}\r\n`);
      end(ftp);
      judges(ftp.channels()[0], "aborted");
    }
  }
});

test("silent: the capture ends before the client that has reset its download can have said why", () => {
  for (const reply of ["426 Failure writing network stream.", "226 Transfer complete.", null]) {
    const { ftp, data } = download();
    data.reset("client");
    if (reply) ftp.control.server(`${reply}\r\n`);
    const channel = ftp.watch(ANSWER_SECONDS - 0.5).channel();
    judges(channel, "undetermined");
    assert.deepEqual(channel.limits, ["capture-ends"]);
  }
});

test("silent: data was repeated in vain before the client resets: that it stood still is the matter", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (900000 bytes).");
  data.serverData(20_000);
  const [lost] = data.serverData(1448, { acked: false });
  data.retransmit(lost, { times: STALL_RETRANSMISSIONS, afterMs: 800 });
  data.reset("client");
  ftp.control.server("426 Failure writing network stream.\r\n");
  judges(ftp.quit().channel(), "failed", "data-stalled");
});

test("a RST in the client's name as if its host had sent it, and the host goes on with the connection: it did not send it", () => {
  for (const after of ["ack", "fin"] as const) {
    const { ftp, data } = download();
    const reset = data.reset("client");
    if (after === "ack") data.serverData(3000);
    else data.fin("client");
    const failed = ftp.control.server("426 Failure writing network stream.\r\n");
    ftp.quit();
    shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence: "possible", evidence: [reset, failed] });
  }
});

test("under TLS: a middlebox's RST in the middle", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const data = ftp.dial(50002);
  ftp.askSealed("RETR big", ["150 Opening BINARY mode data connection for big (900000 bytes)."]);
  data.tls({ resumption: "psk" });
  data.applicationData("server", 16_000);
  const reset = data.reset("client", { ttl: 61 });
  ftp.control.sealed("server", "426 Failure writing network stream.\r\n");
  ftp.quitSealed();
  shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence: "likely", evidence: [reset] });
});

test("under TLS: the uploading client itself resets: possible, it may have closed with session tickets unread", () => {
  for (const [options, confidence] of [
    [{}, "possible"],
    [FORGED, "likely"],
  ] as const) {
    const ftp = new Dialogue({ vantage: "server" }).secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const data = ftp.dial(50002);
    ftp.askSealed("STOR upload", ["150 Ok to send data."]);
    data.tls({ resumption: "psk" });
    data.applicationData("client", 3_000);
    const reset = data.reset("client", options);
    ftp.control.sealed("server", "226 Transfer complete.\r\n");
    ftp.quitSealed();
    shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence, evidence: [reset] });
  }
});

test("silent under TLS 1.3: the uploading client resets when the server had acknowledged all, as one does that closes with session tickets unread", () => {
  const upload = (version: TlsVersion, acknowledged: boolean) => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const data = ftp.dial(50002);
    ftp.askSealed("STOR upload", ["150 Ok to send data."]);
    data.tls({ version });
    for (let i = 0; i < 2; i++) data.applicationData("server", 250);
    data.applicationData("client", 3_000);
    if (acknowledged) data.ack("server");
    data.reset("client");
    ftp.askSealed("NOOP", ["226 Transfer complete.", "200 ok"]);
    ftp.quitSealed();
    return ftp.channel();
  };
  judges(upload("1.3", true), "undetermined");
  judges(upload("1.3", false), "failed", CAUSE);
  judges(upload("1.2", true), "failed", CAUSE);
});

test("under TLS: a RST within the first record of a download, which is no session ticket, and the client's FIN behind it", () => {
  for (const bytes of [16_389, 2 * 16_389]) {
    const ftp = new Dialogue({ vantage: "server" }).secureLogin();
    ftp.askSealed("EPSV", [ftp.texts.epsv(50002)]);
    const data = ftp.dial(50002);
    ftp.askSealed("RETR big", ["150 Opening BINARY mode data connection for big (900000 bytes)."]);
    data.tls({}, 3);
    const records = [applicationRecord(16_384), applicationRecord(16_384)];
    const flow = new Uint8Array(records.flatMap((record) => [...record])).slice(0, bytes - 500);
    data.say("server", flow);
    data.ack("client");
    data.reset("server", { ttl: 62, ipId: 7 });
    data.closeNotify("client");
    data.fin("client");
    data.reset("server", { ttl: 62, ipId: 8 });
    ftp.control.closeNotify("client");
    ftp.control.finish("client");
    judges(ftp.channel(), "failed", CAUSE);
  }
});

test("a 226 does not hide it, be the packets in one capture or in several that run side by side", () => {
  const { ftp, data } = download();
  data.reset("server", FORGED);
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  judges(ftp.channel(), "failed", CAUSE);
  const packets = rawPackets(ftp.net.build());
  const isOfClient = ({ sender }: RawPacket) => sender?.startsWith(`${CLIENT}:`) === true;
  const isControl = ({ flow }: RawPacket) => flow?.includes(`${SERVER}:21`) === true;
  for (const belongs of [isOfClient, isControl]) {
    const parts = [packets.filter(belongs), packets.filter((packet) => !belongs(packet))];
    const [{ dataChannels }] = analyzeCaptures(parts).sessions;
    judges(dataChannels[0], "failed", CAUSE);
  }
});

test("silent: a RST after the last byte with 226, after close_notify, after both FINs", () => {
  const { ftp, data } = download(900_000);
  data.fin("server");
  data.ack("client");
  data.reset("client");
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  judges(ftp.channel(), "ok");

  for (const padding of [0, JSSE_ZEROS]) {
    const tls = new Dialogue().secureLogin();
    tls.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const sealed = tls.dial(50002);
    tls.askSealed("LIST", ["150 Here comes the directory listing."]);
    sealed.tls({ resumption: "psk", padding: { server: padding } });
    sealed.sealed("server", 900);
    sealed.closeNotify("server", "1.3", padding);
    sealed.reset("client");
    tls.control.sealed("server", "226 Directory send OK.\r\n");
    tls.quitSealed();
    judges(tls.channel(), "ok");
  }
});

test("silent: ABOR, with the resets and replies that follow it", () => {
  for (const replies of [
    ["426 Failure writing network stream.", "225 No transfer to ABOR."],
    ["426 Transfer aborted. Data connection closed", "226 Abort successful"],
  ]) {
    const { ftp, data } = download();
    ftp.control.client("ABOR\r\n", { urgent: true });
    data.reset("client");
    for (const reply of replies) ftp.control.server(`${reply}\r\n`);
    ftp.quit();
    judges(ftp.channel(), "aborted");
  }
});

test("silent under TLS: the receiver itself resets, as after an ABOR that cannot be read", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const data = ftp.dial(50002);
  ftp.askSealed("RETR big", ["150 Opening BINARY mode data connection for big (900000 bytes)."]);
  data.tls({ resumption: "psk" });
  data.applicationData("server", 16_000);
  data.reset("client");
  ftp.askSealed("ABOR", ["226 Abort successful"]);
  ftp.quitSealed();
  judges(ftp.channel(), "undetermined");
});

test("silent: opened and unused because the server said 550; before the first byte", () => {
  const refused = new Dialogue().login();
  refused.passive(50002);
  const data = refused.dial(50002);
  refused.ask("RETR nothing", "550 Failed to open file.");
  data.reset("client");
  refused.quit();
  judges(refused.channel(), "refused");

  const nothing = download(0);
  nothing.data.reset("server");
  nothing.ftp.control.server("426 Failure writing network stream.\r\n");
  nothing.ftp.quit();
  judges(nothing.ftp.channel(), "undetermined");
});

test("silent under TLS: the sender had finished, and only the acknowledgment of its last bytes is missing", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const data = ftp.dial(50002);
  ftp.askSealed("STOR upload", ["150 Ok to send data."]);
  data.clientData(3_000, { acked: false });
  const acknowledged = data.ack("server");
  data.fin("client");
  data.reset("server");
  ftp.askSealed("ABOR", ["226 Abort successful"]);
  ftp.quitSealed();
  ftp.net.drop(acknowledged);
  // The RST acknowledges the FIN; whether the server has read what came is another matter.
  judges(ftp.channel(), "undetermined");
});

test("silent: the receiver's own RST acknowledges the FIN, and its acknowledgments are not in the capture", () => {
  const left = (options: SegmentOptions) => {
    const ftp = new Dialogue().login();
    ftp.extended(50002);
    const data = ftp.dial(50002);
    ftp.ask("LIST", "150 Here comes the directory listing.");
    data.serverData(3000, { acked: false });
    data.fin("server");
    const acknowledged = data.ack("client");
    data.reset("client", options);
    ftp.control.finish("client");
    ftp.net.drop(acknowledged);
    return ftp.channel();
  };
  judges(left({}), "ok");
  judges(left(FORGED), "failed", CAUSE); // what a device knows, the client need not have
});

test("silent: the end that resets had given up what had stopped before", () => {
  const inVain = download(20_000, { vantage: "server" });
  const [lost] = inVain.data.serverData(1448, { acked: false });
  inVain.data.retransmit(lost, { times: 6 });
  inVain.data.reset("server");
  inVain.ftp.control.server("426 Failure writing network stream.\r\n");
  judges(inVain.ftp.quit().channel(), "failed", "data-stalled");

  const shut = download(20_000, { vantage: "server" });
  for (let seconds = 0; seconds <= ZERO_WINDOW_SECONDS; seconds += 2) {
    shut.data.zeroWindow("client");
    shut.ftp.pause(2);
  }
  shut.data.reset("server");
  shut.ftp.control.server("426 Failure writing network stream.\r\n");
  judges(shut.ftp.quit().channel(), "failed", "data-stalled");

  const silent = (seconds: number) => {
    const { ftp, data } = download();
    ftp.pause(seconds);
    data.reset("server");
    ftp.control.server("426 Failure writing network stream.\r\n");
    return ftp.quit().channel();
  };
  judges(silent(HIDDEN_SILENCE_SECONDS - 1), "failed", CAUSE);
  const reading = ({ cause, confidence, alternatives, evidence }: DataChannel, reset: number) => [
    cause,
    confidence,
    alternatives.map((other) => other.cause),
    evidence.some(({ packet }) => packet === reset),
  ];
  const gaveUp = download();
  gaveUp.ftp.pause(HIDDEN_SILENCE_SECONDS + 1);
  const reset = gaveUp.data.reset("client");
  gaveUp.ftp.control.server("426 Failure writing network stream.\r\n");
  assert.deepEqual(reading(gaveUp.ftp.quit().channel(), reset), ["data-stalled", "possible", [CAUSE], true]);
  const full = download();
  full.data.zeroWindow("client");
  full.ftp.pause(HIDDEN_SILENCE_SECONDS + 1);
  const left = full.data.reset("client");
  full.ftp.control.server("426 Failure writing network stream.\r\n");
  assert.deepEqual(reading(full.ftp.quit().channel(), left), ["data-stalled", "likely", [], true]);
  judges(silent(HIDDEN_SILENCE_SECONDS + 1), "failed", "data-stalled");
});

test("silent: a server that resets what still comes from a client that has left", () => {
  const ftp = new Dialogue().login();
  ftp.extended(50002);
  const data = ftp.dial(50002);
  ftp.ask("STOR upload", "150 Ok to send data.");
  data.clientData(20_000);
  ftp.control.fin("client");
  ftp.control.fin("server");
  data.reset("server");
  judges(ftp.channel(), "undetermined");
});

test("silent: the RST itself stands behind bytes that the capture lacks", () => {
  const { ftp, data } = download();
  data.skip("server", 5000);
  data.reset("server");
  ftp.control.fin("client");
  judges(ftp.channel(), "undetermined");
});

test("silent: the sender's own RST, without ACK, stands where the acknowledgment of its FIN does, which the capture lacks; not so before it", () => {
  const ended = (behind: number) => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("STOR file", []);
    const data = ftp.dial(50002);
    data.tls({ resumption: "psk" });
    data.applicationData("client", 5000);
    data.fin("client");
    data.segment("client", { flags: "R", window: 0, seq: data.position("client").seq - behind });
    ftp.quitSealed();
    const { outcome, cause } = ftp.channel();
    return [outcome, cause];
  };
  assert.deepEqual(ended(0), ["ok", null]);
  assert.deepEqual(ended(1), ["failed", CAUSE]);
});

test("RSTs that a device injects ahead of the stream show nothing that the capture lacks", () => {
  const { ftp, data } = download();
  const { seq, ack } = data.position("server");
  for (const ahead of [0, 1460, 4380])
    data.segment("server", { flags: "RA", seq: seq + ahead, ack, ttl: 62, window: 0 });
  ftp.control.fin("client");
  const { outcome, cause, limits } = ftp.channel();
  assert.deepEqual([outcome, cause, limits], ["failed", CAUSE, []]);
});

test("silent under TLS: the receiver's RST acknowledges all that was sent, where the capture lacks the acknowledgment before it", () => {
  const ended = (acknowledges: boolean) => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("STOR file", []);
    const data = ftp.dial(50002);
    data.tls({ resumption: "psk" });
    const { ack } = data.position("server");
    data.applicationData("client", 5000);
    data.segment("server", { flags: "RA", window: 0, ...(acknowledges ? {} : { ack }) });
    ftp.quitSealed();
    return ftp.channel().cause;
  };
  assert.deepEqual([ended(true), ended(false)], [null, CAUSE]);
});

test("the bytes before the RST are told, not those that were on their way", () => {
  const { ftp, data } = download(2_000);
  const reset = data.reset("client");
  data.serverData(3_000);
  const failed = ftp.control.server("426 Failure writing network stream.\r\n");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [reset, failed],
    says: /RST in the client's name after 2000 bytes of data/,
  });
});

test("silent: the server had closed the upload and said why, and then resets what still comes", () => {
  // Pure-FTPd, disk full.
  for (const [text, outcome] of [
    ["451-Error during write to file\r\n451 Transfer aborted", "refused"],
    ["451 Transfer aborted", "undetermined"],
  ] as const) {
    const ftp = new Dialogue({ software: "pure-ftpd", vantage: "server" }).login();
    ftp.extended(50002);
    const stream = ftp.dial(50002);
    ftp.ask("STOR upload", "150 Accepted data connection");
    stream.clientData(9_000);
    stream.fin("server");
    ftp.control.server(`${text}\r\n`);
    stream.clientData(1_000);
    stream.reset("server");
    ftp.quit();
    judges(ftp.channel(), outcome);
  }
});

test("226 for an upload that the server's end cuts: what the client sent last was not acknowledged", () => {
  const upload = ({ closes = false, unheard = 1_000, lost = 0 } = {}) => {
    const ftp = new Dialogue().login();
    ftp.extended(50002);
    const stream = ftp.dial(50002);
    ftp.ask("STOR upload", "150 Ok to send data.");
    stream.clientData(9_000);
    if (closes) stream.fin("server");
    if (unheard > 0) stream.clientData(unheard, { acked: false });
    stream.skip("server", lost);
    const { seq } = stream.position("server");
    const early = ftp.control.server("226 Transfer complete.\r\n");
    // The kernel's, for a connection whose program is gone: it acknowledges nothing.
    const reset = stream.segment("server", { flags: "R", seq, window: 0 });
    ftp.quit();
    return { channel: ftp.channel(), evidence: [reset, early] };
  };
  for (const closes of [true, false]) {
    const { channel, evidence } = upload({ closes });
    shows(channel, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence,
      says: /RST in the server's name after 10000 bytes of data, before their end/,
    });
    judges(upload({ closes, unheard: 0 }).channel, "ok");
    // What acknowledged the rest may be as lost as the server's FIN.
    judges(upload({ closes, lost: 1 }).channel, "ok");
  }
});

test("226 for a listing that a device cuts at the server, which had handed all of it to its own host", () => {
  const listing = ({ by = FORGED, acknowledged = 1448, vantage = "server", closes = false }: Cut = {}) => {
    const ftp = new Dialogue({ vantage, software: "proftpd" }).login();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("LIST", "150 Opening ASCII mode data connection for file list");
    const { seq } = data.position("server");
    data.serverData(2896, { acked: false });
    if (closes) data.fin("server");
    const reset = data.reset("client", by);
    const said = ftp.control.server("226 Transfer complete\r\n");
    // On its way while the RST was made up.
    data.segment("client", { flags: "A", ack: seq + acknowledged });
    ftp.quit();
    return { channel: ftp.channel(), evidence: [reset, said] };
  };
  const { channel, evidence } = listing();
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence,
    says: /RST in the client's name after 2896 bytes of data, before their end: TTL 62/,
  });
  judges(listing({ acknowledged: 2896 }).channel, "ok");
  judges(listing({ closes: true }).channel, "ok");
  // The client's own: it may have had enough.
  judges(listing({ by: {}, acknowledged: 0 }).channel, "ok");
});

test("silent under TLS: the server closes an upload, whyever, and then resets what still comes; not so if it has not closed", () => {
  // vsftpd and ProFTPD with a full disk, and Pure-FTPd, whose close_notify alone gets out: what they say of it is encrypted.
  for (const closes of ["FIN", "close_notify", null]) {
    const ftp = new Dialogue({ vantage: "server" }).secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const data = ftp.dial(50002);
    ftp.askSealed("STOR upload", ["150 Ok to send data."]);
    data.tls({ resumption: "psk" });
    data.applicationData("client", 16_000);
    if (closes === "FIN") data.fin("server");
    if (closes === "close_notify") data.closeNotify("server");
    data.applicationData("client", 3_000);
    // The kernel's, for a connection whose program is gone: it acknowledges nothing.
    data.segment("server", { flags: "R", seq: data.position("server").seq, window: 0 });
    ftp.control.sealed("server", "451 Failure writing to local file.\r\n");
    ftp.quitSealed();
    judges(ftp.channel(), closes ? "undetermined" : "failed", closes ? null : CAUSE);
  }
});

test("a device's RST counts whatever the server had said", () => {
  const ftp = new Dialogue({ software: "pure-ftpd" }).login();
  ftp.extended(50002);
  const stream = ftp.dial(50002);
  ftp.ask("STOR upload", "150 Accepted data connection");
  stream.clientData(9_000);
  stream.fin("server");
  ftp.control.server("451 Transfer aborted\r\n");
  stream.clientData(1_000);
  stream.reset("server", { ttl: 63, ipId: 7 });
  ftp.quit();
  judges(ftp.channel(), "failed", CAUSE);
});

/** The packet as the next hop sends it on: one TTL less. */
function forwarded(packet: BuiltPacket): BuiltPacket {
  const datagram = Uint8Array.from(packet.datagram);
  const header = new DataView(datagram.buffer);
  header.setUint8(8, header.getUint8(8) - 1);
  const sum = header.getUint16(10) + 0x100;
  header.setUint16(10, (sum & 0xffff) + (sum >> 16));
  return { ...packet, time: packet.time + 1000n, datagram };
}

test("captured on both sides of a router, and of the host's RST only the copy: it is the host's all the same", () => {
  const { ftp, data } = download(20_000, { vantage: "middle" });
  const reset = data.reset("server");
  ftp.control.server("451 Error during read from data connection\r\n");
  ftp.quit();
  ftp.net.edit((packets) =>
    packets.flatMap((packet, i) => (i + 1 === reset ? forwarded(packet) : [packet, forwarded(packet)])),
  );
  const channel = ftp.channel();
  judges(channel, "failed", CAUSE);
  assert.match(channel.evidence[0].says, /the TTL fits the host's other packets/);
});

test("the same where the router's far side lacks what else the server sent: the TTL that its RST has there too is the host's", () => {
  const { ftp, data } = download(20_000, { vantage: "middle" });
  const reset = data.reset("server");
  ftp.control.server("451 Error during read from data connection\r\n");
  ftp.quit();
  const isServers = ({ datagram }: BuiltPacket) => datagram.subarray(12, 16).join(".") === ftp.server;
  ftp.net.edit((packets) =>
    packets.flatMap((packet, i) =>
      isServers(packet) && i + 1 !== reset ? forwarded(packet) : [packet, forwarded(packet)],
    ),
  );
  const channel = ftp.channel();
  judges(channel, "failed", CAUSE);
  assert.match(channel.evidence[0].says, /the TTL fits the host's other packets/);
});

test("silent: the snaplen cut the port off the 227, so that neither the reset nor the 226 is known to be of this transfer", () => {
  const told = (snaplen: number, resets: boolean) => {
    const ftp = new Dialogue({ snaplen, vantage: "server" }).login();
    ftp.ask("TYPE I", "200 ok");
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("RETR a", "150 Opening BINARY mode data connection for a (9000 bytes).");
    data.serverData(resets ? 4000 : 9000);
    if (resets) data.reset("client", { ttl: 63 });
    else data.finish("server");
    ftp.control.server("226 ok\r\n");
    return ftp.quit().channel();
  };
  judges(told(65_535, true), "failed", "data-connection-reset");
  judges(told(90, true), "undetermined");
  judges(told(90, false), "ok");
});

test("silent under TLS: the snaplen cut the records off, and with them the close_notify before the RST", () => {
  const told = (kept: number) => {
    const ftp = new Dialogue().secureLogin("1.2");
    ftp.askSealed("EPSV", [ftp.texts.epsv(50002)], "1.2");
    const data = ftp.dial(50002);
    ftp.askSealed("STOR a", ["150 Ok to send data."], "1.2");
    const from = ftp.net.last;
    data.tls({ version: "1.2" });
    data.sealed("client", 9000, "1.2");
    data.closeNotify("client", "1.2");
    data.reset("client");
    ftp.net.edit((packets) =>
      packets.map((packet, at) => (at < from ? packet : { ...packet, datagram: packet.datagram.subarray(0, kept) })),
    );
    return ftp.quitSealed().channel();
  };
  judges(told(65_535), "ok");
  for (const headers of [0, 2, 5]) judges(told(20 + 32 + headers), "undetermined");
});

/** Packets of these numbers keep so many bytes. */
function cut(ftp: Dialogue, kept: number, numbers: readonly number[]): void {
  ftp.net.edit((packets) =>
    packets.map((packet, at) =>
      numbers.includes(at + 1) ? { ...packet, datagram: packet.datagram.subarray(0, kept) } : packet,
    ),
  );
}

test("silent: the snaplen left only the code of the reply in which the server may say why it reset the upload", () => {
  const told = (kept: number, options: SegmentOptions = {}) => {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("STOR big", "150 Ok to send data.");
    data.clientData(40_000);
    data.reset("server", options);
    const reply = ftp.control.server("451 Failure writing to local file.\r\n");
    cut(ftp, kept, [reply]);
    return ftp.quit().channel();
  };
  const toTheCode = 20 + 32 + 20;
  judges(told(65_535), "refused");
  judges(told(toTheCode), "undetermined");
  judges(told(toTheCode, FORGED), "failed", CAUSE);
});

test("silent under TLS: the snaplen cut the records off, so that the handshake may have failed before the end itself resets", () => {
  const told = (kept: number, options: SegmentOptions = {}) => {
    const ftp = new Dialogue().secureLogin().clearAgain();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("LIST", "150 Here comes the directory listing.");
    const from = ftp.net.last;
    data.tls({}, 2);
    data.alert("client", 2, 48);
    data.reset("client", options);
    const all = Array.from({ length: ftp.net.last - from }, (_, at) => from + 1 + at);
    ftp.control.server("425 Cannot open data connection.\r\n");
    cut(ftp, kept, all);
    return ftp.quit().channel();
  };
  judges(told(65_535), "failed", "data-tls-handshake-failed");
  judges(told(96), "undetermined");
  judges(told(96, FORGED), "failed", CAUSE);
});
