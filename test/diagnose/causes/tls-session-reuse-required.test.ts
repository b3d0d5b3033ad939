import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "../../support/capture-builder.ts";
import { applicationRecord, JSSE_ZEROS, type TlsHandshakeOptions, type TlsVersion } from "../../support/tls-records.ts";
import { Dialogue, judges, type ServerName, shows, tlsListing } from "../dialogue.ts";
import { AT_ONCE_SECONDS, COMPLAINT_BYTES, REFUSED_TRANSFERS } from "../thresholds.ts";

const CAUSE = "tls-session-reuse-required";
const VERSIONS: readonly TlsVersion[] = ["1.2", "1.3"];

test("said after CCC, in the words of several servers", () => {
  for (const reply of [
    "522 SSL connection failed: session reuse required", // vsftpd
    "425 Unable to build data connection: TLS session of data connection not resumed.", // FileZilla Server 1.x
    "522 Data connection must use cached TLS session", // z/OS
    "450 TLS session of data connection has not resumed or the session does not match the control connection",
  ]) {
    const ftp = new Dialogue().secureLogin().clearAgain();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("LIST", "150 Here comes the directory listing.");
    data.tls();
    data.finish("server");
    const failed = ftp.control.server(`${reply}\r\n`);
    ftp.quit();
    shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence: "certain", evidence: [failed] });
  }
});

/** A transfer of vsftpd with require_ssl_reuse: the client makes a new session, vsftpd says 522 and hangs up. */
function vsftpdHangsUp(version: TlsVersion, resumption: "none" | "session-id" | "psk", secondsLater = 0.02) {
  const ftp = new Dialogue().secureLogin(version);
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"], version);
  const data = ftp.dial(50002);
  ftp.askSealed("LIST", ["150 Here comes the directory listing."], version);
  const flights = data.tls({ version, resumption });
  data.finish("server");
  const complaint = "522 SSL connection failed: session reuse required";
  ftp.control.sealed("server", resumption === "none" ? complaint : "226 Directory send OK.\r\n", version);
  ftp.pause(secondsLater);
  const [fin] = ftp.control.finish("server");
  return { channel: ftp.channel(), last: flights.at(-1)!, fin };
}

test("by packets: full handshake, no data, and the server hangs up unasked", () => {
  for (const version of VERSIONS) {
    const { channel, last, fin } = vsftpdHangsUp(version, "none");
    shows(channel, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [last, fin],
      alternatives: ["data-tls-handshake-failed"],
    });
  }
});

test("silent: the session was resumed, or the server hangs up later", () => {
  judges(vsftpdHangsUp("1.2", "session-id").channel, "ok");
  judges(vsftpdHangsUp("1.3", "psk").channel, "ok");
  judges(vsftpdHangsUp("1.3", "none", AT_ONCE_SECONDS - 0.1).channel, "failed", CAUSE);
  judges(vsftpdHangsUp("1.3", "none", AT_ONCE_SECONDS + 0.2).channel, "undetermined"); // vsftpd confirms in fewer bytes
});

/** LIST, and then its data connection, under a server that goes on or hangs up; the client's packets are late by so many milliseconds. */
function skewed(lateMs: number, end: (ftp: Dialogue) => void) {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  ftp.control.sealed("client", "LIST\r\n");
  const data = ftp.dial(50002);
  ftp.control.sealed("server", "150 Here comes the directory listing.\r\n");
  data.tls();
  data.finish("server");
  end(ftp);
  const late = BigInt(lateMs) * 1_000_000n;
  ftp.net.edit((packets) =>
    packets
      .map((packet) => ({ ...packet, time: packet.time + (packet.outgoing ? late : 0n) }))
      .sort((a, b) => Number(a.time - b.time)),
  );
  return ftp.channel();
}

test("silent: the client's QUIT stands behind the server's FIN, for the clocks of the two directions differ", () => {
  for (const lateMs of [0, 20, 40, 60, 100])
    judges(
      skewed(lateMs, (ftp) => {
        ftp.control.sealed("server", "226 Directory send OK.\r\n");
        ftp.quitSealed();
      }),
      "ok",
    );
});

test("what the client said too late for the server to have heard it before it hung up is no QUIT that it obeyed", () => {
  for (const lateMs of [-60, -20, 0, 20])
    judges(
      skewed(lateMs, (ftp) => {
        ftp.control.sealed("server", "522 SSL connection failed: session reuse required");
        const { seq, ack } = ftp.control.position("client");
        ftp.control.fin("server");
        ftp.control.segment("client", { flags: "PA", seq, ack, payload: applicationRecord(22) });
      }),
      "failed",
      CAUSE,
    );
});

test("silent: the server hangs up before the handshake is done, as after a QUIT where another session dialled", () => {
  for (const version of VERSIONS) {
    const ftp = new Dialogue().secureLogin(version);
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"], version);
    const data = ftp.dial(50002);
    ftp.askSealed("QUIT", ["221 Goodbye."], version);
    ftp.control.finish("server");
    data.tls({ version });
    data.finish("server");
    judges(ftp.channel(), "ok");
  }
});

test("silent: the client may have asked the server to hang up, in words that the capture lacks", () => {
  const hungUp = (isLost: boolean) => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const data = ftp.dial(50002);
    ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
    data.tls();
    data.reset("server");
    ftp.control.sealed("server", "426 Failure writing network stream.\r\n");
    if (isLost) ftp.net.drop(ftp.control.sealed("client", "QUIT\r\n"));
    ftp.control.finish("server");
    return ftp.channel().cause;
  };
  assert.equal(hungUp(false), CAUSE);
  assert.notEqual(hungUp(true), CAUSE);
});

/** ProFTPD's, with CRLF. */
const PROFTPD_BYTES = "425 Unable to build data connection: Operation not permitted\r\n".length;

interface RepeatedOptions {
  /** Bytes of the listing. */
  readonly listing?: number;
  readonly version?: TlsVersion;
  readonly ends?: (data: Connection) => void;
  readonly software?: ServerName;
  readonly greeting?: string;
  readonly padding?: TlsHandshakeOptions["padding"];
}

/** Transfers of a server that goes on: each with a full handshake, nothing on it, and last words of so many bytes, in a record each. */
function repeated(
  times: number,
  lastWords: readonly number[],
  {
    listing = 0,
    version = "1.3",
    ends = (data) => void data.finish("server"),
    software = "proftpd",
    greeting,
    padding = {},
  }: RepeatedOptions = {},
) {
  const ftp = new Dialogue({ software }).secureLogin(version, greeting);
  const said: number[] = [];
  const handshakes: number[] = [];
  for (let i = 0; i < times; i++) {
    ftp.askSealed("EPSV", [`229 Entering Extended Passive Mode (|||${50002 + i}|)`], version);
    const data = ftp.dial(50002 + i);
    ftp.askSealed("LIST", ["150 Opening ASCII mode data connection for file list"], version);
    handshakes.push(data.tls({ version, padding }).at(-1)!);
    if (listing > 0) data.sealed("server", listing, version);
    ends(data);
    said.push(lastWords.map((length) => ftp.control.sealed("server", length, version))[0]);
  }
  ftp.quitSealed();
  return { channels: ftp.channels(), said, handshakes };
}

test("by lengths: the server complains after every data connection", () => {
  for (const version of VERSIONS) {
    const { channels, said, handshakes } = repeated(REFUSED_TRANSFERS, [PROFTPD_BYTES], { version });
    channels.forEach((channel, i) => {
      shows(channel, {
        outcome: "failed",
        cause: CAUSE,
        confidence: "possible",
        evidence: [handshakes[i], said[i]],
        says: /as long as "425 Unable to build data connection: Operation not permitted".*all 2 data connections/,
      });
    });
  }
});

test("by lengths: FileZilla Server, but for its old versions, whose confirmations name the file", () => {
  const complaint = "425 Unable to build data connection: TLS session of data connection not resumed.\r\n".length;
  const greeted = (greeting: string) => repeated(REFUSED_TRANSFERS, [complaint], { greeting }).channels[0];
  judges(greeted("220-FileZilla Server 1.8.2\r\n220 Please visit https://filezilla-project.org/"), "failed", CAUSE);
  judges(greeted("220-FileZilla Server 0.9.60 beta\r\n220 Welcome"), "ok");
});

test("who ends TLS first counts, whoever closes TCP first", () => {
  const closing = (first: "client" | "server") =>
    repeated(2, [PROFTPD_BYTES], {
      ends: (data) => {
        data.closeNotify(first);
        data.closeNotify(first === "client" ? "server" : "client");
        data.finish("client");
      },
    }).channels[0];
  judges(closing("server"), "failed", CAUSE);
  judges(closing("client"), "ok");
});

test("a close_notify is as much longer as its sender pads, which its Finished tells", () => {
  const closing = (pads: "client" | "server" | "neither") =>
    repeated(2, [PROFTPD_BYTES], {
      padding: pads === "neither" ? {} : { [pads]: JSSE_ZEROS },
      ends: (data) => {
        data.closeNotify("server", "1.3", pads === "server" ? JSSE_ZEROS : 0);
        data.closeNotify("client", "1.3", pads === "server" ? 0 : JSSE_ZEROS);
        data.finish("client");
      },
    }).channels[0];
  judges(closing("client"), "failed", CAUSE);
  judges(closing("server"), "failed", CAUSE);
  // Of a client that does not pad so long a record is an upload, of which ProFTPD may complain for other reasons.
  judges(closing("neither"), "undetermined");
});

test("words of the length of its complaint make a transfer that carried nothing doubtful, be it the only one", () => {
  for (const version of VERSIONS) {
    const [refused] = repeated(REFUSED_TRANSFERS - 1, [PROFTPD_BYTES], { version }).channels;
    judges(refused, "undetermined");
  }
});

test("silent: words of another length, or one listing that is not empty", () => {
  for (const { channels } of [
    repeated(REFUSED_TRANSFERS - 1, [PROFTPD_BYTES - 1]),
    repeated(3, [PROFTPD_BYTES - 1]),
    repeated(3, [PROFTPD_BYTES + 1]),
    repeated(2, [23]),
    repeated(2, [PROFTPD_BYTES], { listing: 400 }),
  ])
    for (const channel of channels) judges(channel, "ok");
});

test("silent: nothing but empty files, and confirmations as long as anybody likes", () => {
  for (const { channels } of [
    // ProFTPD with DisplayFileTransfer: the message, then "226 Transfer complete".
    repeated(2, [PROFTPD_BYTES, 23]),
    // A server that says nothing of itself, or is not known to say this: ftp-srv's 226 is the file's path.
    repeated(2, [PROFTPD_BYTES], { software: "pyftpdlib" }),
    repeated(3, [103], { software: "pyftpdlib" }),
  ])
    for (const channel of channels) judges(channel, "ok");
});

test("vsftpd's long words after a transfer that carried nothing make its end doubtful", () => {
  const once = (lastWords: number) => repeated(1, [lastWords], { software: "vsftpd" }).channels[0];
  judges(once(COMPLAINT_BYTES - 1), "ok");
  judges(once(COMPLAINT_BYTES), "undetermined");
});

test("silent: the client rejects the certificate", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const data = ftp.dial(50002);
  ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
  data.tls({ version: "1.2" }, 2);
  data.alert("client", 2, 48);
  data.finish("client");
  ftp.control.sealed("server", "522 SSL connection failed");
  ftp.control.finish("server");
  judges(ftp.channel(), "failed", "data-tls-handshake-failed");
});

test("silent: an empty listing without resumption, then QUIT; a listing that works", () => {
  for (const length of [0, 800]) {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const data = ftp.dial(50002);
    ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
    tlsListing(data, length);
    ftp.control.sealed("server", "226 Directory send OK.\r\n");
    ftp.quitSealed();
    const channel = ftp.channel();
    judges(channel, "ok");
    assert.deepEqual(channel.evidence, []);
  }
});

/** An upload to vsftpd, which takes it off the wire whatever it thinks of it. */
function uploaded(words: string, version: TlsVersion, software: ServerName = "vsftpd", resumed = false, pasv = false) {
  const ftp = new Dialogue({ software }).secureLogin(version);
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"], version);
  const data = ftp.dial(50002);
  ftp.askSealed("STOR incoming/file.bin", ["150 Ok to send data."], version);
  data.tls({ version, resumption: resumed ? (version === "1.3" ? "psk" : "session-id") : "none" });
  data.sealed("client", 9000, version);
  if (pasv) ftp.control.sealed("client", "PASV\r\n", version);
  data.closeNotify("server", version);
  data.closeNotify("client", version);
  data.finish("client");
  const last = ftp.control.sealed("server", `${words}\r\n`, version);
  if (pasv) ftp.control.sealed("server", "227 Entering Passive Mode (203,0,113,5,195,83).\r\n", version);
  ftp.control.closeNotify("server", version);
  ftp.control.finish("client");
  return { channel: ftp.channels()[0], syn: data.handshake.syn, last };
}

test("silent: QUIT while the data connection of an empty listing closes, for which the client dialled after LIST", () => {
  const ended = (quits: boolean) => {
    const ftp = new Dialogue({ software: "pure-ftpd" }).secureLogin();
    ftp.askSealed("EPSV", ["229 Extended Passive mode OK (|||50002|)"]);
    ftp.askSealed("LIST", ["150 Accepted data connection"]);
    const data = ftp.dial(50002);
    data.tls();
    ftp.control.sealed("server", "226 0 matches total\r\n");
    if (quits) ftp.askSealed("QUIT", ["221 Logout."]);
    ftp.control.finish("server");
    data.finish("server");
    return ftp.channel();
  };
  judges(ended(true), "ok");
  judges(ended(false), "failed", CAUSE);
});

test("by lengths: vsftpd's last words about an upload are longer than its confirmation", () => {
  for (const version of VERSIONS) {
    const { channel, syn, last } = uploaded("522 SSL connection failed: session reuse required", version);
    shows(channel, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [syn, last],
      alternatives: ["data-tls-handshake-failed"],
      says: /last words about it have 51 bytes; vsftpd confirms an upload with 24/,
    });
    judges(uploaded("226 Transfer complete.", version).channel, "ok");
    judges(uploaded("x".repeat(60), version, "vsftpd", true).channel, "ok");
    // ProFTPD has other reasons to complain at length, but none to be content.
    const refused = "425 Unable to build data connection: Operation not permitted";
    judges(uploaded(refused, version, "proftpd").channel, "undetermined");
    judges(uploaded("226 Transfer complete", version, "proftpd").channel, "ok");
    judges(uploaded("226-File successfully transferred\r\n226 0.004 seconds", version, "pure-ftpd").channel, "ok");
  }
});

test("silent: long words before the data connection's handshake are the 150", () => {
  for (const version of VERSIONS) {
    const ftp = new Dialogue().secureLogin(version);
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"], version);
    const data = ftp.dial(50002);
    ftp.askSealed("STOU", ["150 FILE: a-name-that-is-as-long-as-a-complaint-may-be.0001"], version);
    data.tls({ version });
    data.sealed("client", 9000, version);
    data.closeNotify("client", version);
    data.finish("client");
    judges(ftp.channel(), "ok");
  }
});

test("silent: the long words may answer what the client asked during the upload", () => {
  for (const version of VERSIONS)
    judges(uploaded("226 Transfer complete.", version, "vsftpd", false, true).channel, "undetermined");
});
