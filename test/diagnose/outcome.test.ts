import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection, SegmentOptions } from "../support/capture-builder.ts";
import { Dialogue, FORGED, judges, ROUTER } from "./dialogue.ts";
import {
  ALIVE_SECONDS,
  ANSWER_SECONDS,
  CONSEQUENCE_SECONDS,
  REPEATED_SYNS,
  SILENCE_SECONDS,
  STALL_RETRANSMISSIONS,
  STALL_SECONDS,
} from "./thresholds.ts";

test("refused for the server's own reason, and dialled only then: its listener had rightly gone", () => {
  const dialledLate = (reply: string, answer: "refused" | "unanswered") => {
    const ftp = new Dialogue({ software: "proftpd" }).login();
    ftp.passive(50002);
    ftp.ask("STOR readonly/a", reply);
    if (answer === "refused") ftp.net.synRefused(ftp.ends(50002));
    else ftp.net.synUnanswered(ftp.ends(50002));
    return ftp.quit().channel();
  };
  judges(dialledLate("550 readonly/a: Permission denied", "refused"), "refused");
  judges(dialledLate("450 a: File exists", "refused"), "refused");
  judges(dialledLate("550 readonly/a: Permission denied", "unanswered"), "refused");
  // 425 speaks of the connection itself.
  judges(
    dialledLate("425 Unable to build data connection: Connection timed out", "unanswered"),
    "failed",
    "data-port-filtered",
  );
  const dialledFirst = new Dialogue({ software: "proftpd" }).login();
  dialledFirst.passive(50002);
  dialledFirst.net.synRefused(dialledFirst.ends(50002));
  dialledFirst.ask("STOR readonly/a", "550 readonly/a: Permission denied");
  judges(dialledFirst.quit().channel(), "failed", "data-port-rejected");
});

test("refused for the server's own reason, and dialled before the client heard of it: its listener had rightly gone", () => {
  const crossing = (options: { readonly ttl?: number } = {}, reply = "550 readonly/a: Permission denied") => {
    const ftp = new Dialogue({ software: "proftpd" }).login();
    ftp.passive(50002);
    const { reset } = ftp.net.synRefused({ ...ftp.ends(50002), ...options });
    const asked = ftp.ask("STOR readonly/a", reply);
    ftp.net.move(reset, asked.reply - reset);
    return ftp.quit().channel();
  };
  judges(crossing(), "refused");
  judges(crossing({ ttl: 62 }), "failed", "data-port-rejected");
  judges(crossing({}, "425 Unable to build data connection: Connection refused"), "failed", "data-port-rejected");
});

test("under TLS a client that dials after its command may meet the port that the server closed with a 550", () => {
  const refused = (asks: boolean, options: { readonly ttl?: number } = {}) => {
    const ftp = new Dialogue({ software: "proftpd" }).secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    if (asks) ftp.askSealed("RETR nofile", ["550 nofile: No such file or directory"]);
    ftp.net.synRefused({ ...ftp.ends(50002), ...options });
    return ftp.quitSealed().channel();
  };
  judges(refused(true), "undetermined");
  judges(refused(true, { ttl: 62 }), "failed", "data-port-rejected");
  judges(refused(false), "failed", "data-port-rejected");
});

test("the next PASV is turned down while a transfer is under way: that is no word of the transfer, and no refusal of PASV", () => {
  for (const [software, reply] of [
    ["proftpd", "450 PASV: data transfer in progress"],
    ["pure-ftpd", "500 Unknown command"],
  ] as const) {
    const ftp = new Dialogue({ software }).login();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("RETR a", "150 Opening BINARY mode data connection for a (50000 bytes)");
    ftp.ask("PASV", reply);
    data.serverData(50_000);
    data.finish("server");
    ftp.control.server("226 Transfer complete\r\n");
    const [transfer, early] = ftp.quit().channels();
    judges(transfer, "ok");
    judges(early, "not-attempted");
  }
});

test("a port that the client's own next PASV has closed is not said to be rejected", () => {
  for (const isLate of [true, false]) {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    if (!isLate) ftp.net.synRefused(ftp.ends(50002));
    ftp.passive(50003);
    if (isLate) ftp.net.synRefused(ftp.ends(50002));
    ftp.list(ftp.dial(50003));
    const [first, second] = ftp.quit().channels();
    if (isLate) judges(first, "not-attempted");
    else judges(first, "failed", "data-port-rejected");
    judges(second, "ok");
  }
  // A device that rejects would have done so before.
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  ftp.passive(50003);
  ftp.net.synRefused({ ...ftp.ends(50002), ttl: 63 });
  judges(ftp.quit().channels()[0], "failed", "data-port-rejected");
});

test("a transfer that is asked for when the server has closed the idle session: nobody was there to begin it", () => {
  const ftp = new Dialogue({ software: "proftpd" }).login();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.pause(5).control.server("421 Idle timeout (5 seconds): closing control connection\r\n");
  data.reset("server");
  ftp.control.fin("server");
  ftp.pause(3).control.client("LIST\r\n");
  ftp.control.fin("client");
  ftp.control.reset("server");
  judges(ftp.channel(), "undetermined");
});

test("a transfer that the server had read before it closed, whatever clocks that differ say", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  ftp.net.synUnanswered({ ...ftp.ends(50002), retries: REPEATED_SYNS });
  const list = ftp.pause(ANSWER_SECONDS).control.client("LIST\r\n");
  const fin = ftp.control.fin("server");
  ftp.control.fin("client");
  ftp.net.move(list, fin - list);
  judges(ftp.channel(), "failed", "data-port-filtered");
});

test("a resumption that the server does not allow, whether or not the client has dialled by then", () => {
  const words = [
    ["APPE a.log", "451 a.log: Append/Restart not permitted, try again"], // ProFTPD without AllowStoreRestart
    ["RETR a.log", "503 ASCII resume is unsafe, please delete the file first"], // Pure-FTPd
  ] as const;
  for (const [command, reply] of words) {
    const active = new Dialogue().login();
    active.active(51002);
    active.ask(command, reply);
    judges(active.quit().channel(), "refused");
    // Net::FTP dials behind its command, when the server has said no and closed the port.
    const passive = new Dialogue().login();
    passive.passive(50002);
    passive.ask(command, reply);
    passive.net.synRefused(passive.ends(50002));
    judges(passive.quit().channel(), "refused");
  }
});

test("PORT without a transfer: no server dials before one is asked for", () => {
  const ftp = new Dialogue().login();
  ftp.active(51002);
  judges(ftp.quit().channel(), "not-attempted");
});

test("a file that is not there, whatever the code; and Node's word for a connection that broke", () => {
  const retrieved = (reply: string, mode: "passive" | "active") => {
    const ftp = new Dialogue().login();
    if (mode === "active") ftp.active(51002);
    else {
      ftp.passive(50002);
      ftp.dial(50002).finish("client");
    }
    ftp.ask("RETR nothere", reply);
    return ftp.quit().channel();
  };
  for (const mode of ["passive", "active"] as const)
    for (const reply of [
      "500-Command failed. : System error in stat: No such file or directory\r\n500 End.",
      "500 ENOENT: no such file or directory, stat '/nothere'",
      "451 ENOENT: no such file",
    ])
      judges(retrieved(reply, mode), "refused");
  // What is said of the connection is said of it, in whatever words.
  judges(retrieved("425 Can't build data connection: No such file or directory", "active"), "failed", "syn-not-seen");
  judges(retrieved("421 Data connection: No such file or directory", "active"), "failed", "syn-not-seen");
  judges(retrieved("426 Data connection: No such file or directory", "active"), "undetermined");
  const broken = new Dialogue().login();
  broken.passive(50002);
  const data = broken.dial(50002);
  broken.ask("RETR a", "150 here it comes");
  data.serverData(50_000);
  data.reset("client", FORGED);
  broken.control.server("551 read ECONNRESET\r\n");
  judges(broken.quit().channel(), "failed", "data-connection-reset");
});

test("the server's idle timer behind complete data is no failure of the channel, confirmed or not", () => {
  for (const [confirmed, outcome] of [
    [true, "ok"],
    [false, "undetermined"],
  ] as const)
    for (const verb of ["RETR", "STOR"]) {
      const ftp = new Dialogue().login();
      ftp.passive(50002);
      const data = ftp.dial(50002);
      ftp.ask(`${verb} a`, "150 Opening BINARY mode data connection for a (5000 bytes).");
      if (verb === "RETR") data.serverData(5000);
      else data.clientData(5000);
      data.finish(verb === "RETR" ? "server" : "client");
      if (confirmed) ftp.control.server("226 Transfer complete.\r\n");
      ftp.pause(300).control.server("421 Timeout.\r\n");
      ftp.control.finish("server");
      judges(ftp.channel(), outcome);
    }
});

test("an upload in the clear, under TLS, that the server answers with nothing but a reset may be thrown away", () => {
  for (const [closes, outcome] of [
    [false, "undetermined"],
    [true, "ok"],
  ] as const) {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const data = ftp.dial(50002);
    ftp.askSealed("STOR upload", ["150 Ok to send data."]);
    data.clientData(1000);
    data.fin("client");
    if (closes) data.fin("server");
    data.reset("server");
    ftp.control.sealed("server", "522 SSL handshake failed.\r\n");
    ftp.quitSealed();
    assert.equal(ftp.channel().outcome, outcome);
  }
});

test("a server that does not know a transfer command, or not its argument, refuses it by itself", () => {
  for (const [reply, outcome] of [
    ["500 Unknown command.", "refused"], // vsftpd, to MLSD
    ["502 Command not implemented.", "refused"],
    ["554 Restart offset 50000 is too large for file size 40000.", "refused"], // Pure-FTPd
    ["554 REST position (50000) > file size (40000)", "refused"], // pyftpdlib
    ["501 REST: Restart offset reset to 0", "refused"],
    ["504 Parameter not supported", "refused"],
    // Of other matters than the command.
    ["500 OOPS: child died", "undetermined"],
    ["500 Possible PASV port theft, cannot open data connection.", "failed"],
  ] as const) {
    const ftp = new Dialogue().login();
    ftp.extended(50000);
    const data = ftp.dial(50000);
    ftp.ask("RETR notes.txt", reply);
    data.finish("server");
    ftp.quit();
    assert.equal(ftp.channel().outcome, outcome, reply);
  }
});

test("under TLS: a server that resets the control connection right after the data makes their good end doubtful", () => {
  const resetAfter = (seconds: number) => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const data = ftp.dial(50002);
    ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
    data.tls({ resumption: "psk" });
    data.sealed("server", 500);
    data.finish("server");
    ftp.pause(seconds).control.reset("server");
    return ftp.channel();
  };
  judges(resetAfter(CONSEQUENCE_SECONDS - 0.1), "undetermined");
  judges(resetAfter(CONSEQUENCE_SECONDS + 0.1), "ok");
});

test("under TLS: of such a reset nothing is concluded for earlier data, nor where the client had ended TLS", () => {
  const listed = (leaves: boolean) => {
    const ftp = new Dialogue().secureLogin();
    for (const port of [50002, 50003]) {
      ftp.askSealed("EPSV", [`229 Entering Extended Passive Mode (|||${port}|)`]);
      const data = ftp.dial(port);
      ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
      data.tls({ resumption: "psk" });
      data.sealed("server", 500);
      data.finish("server");
      ftp.control.sealed("server", "226 Directory send OK.\r\n");
    }
    // lftp: QUIT, close_notify, and ProFTPD resets what it has closed
    ftp.askSealed("QUIT", ["221 Goodbye."]);
    if (leaves) ftp.control.closeNotify("client");
    ftp.control.reset("server");
    return ftp.channels().map(({ outcome }) => outcome);
  };
  assert.deepEqual(listed(true), ["ok", "ok"]);
  assert.deepEqual(listed(false), ["ok", "undetermined"]);
});

test("a connection opened before TYPE and SIZE is not unused because the capture ends there", () => {
  const ftp = new Dialogue().login();
  ftp.extended(50002);
  ftp.dial(50002);
  ftp.ask("TYPE I", "200 Switching to Binary mode.");
  ftp.ask("SIZE file", "213 5000");
  judges(ftp.channel(), "undetermined");
  ftp.ask("MKD new", "257 /new created");
  judges(ftp.channel(), "not-attempted");
});

test("under TLS: one direction of the data connection alone does not say how its handshake ended", () => {
  const seen = (side: "both" | "server") => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const before = ftp.net.last;
    const data = ftp.dial(50002);
    data.tls({ resumption: "psk" });
    data.sealed("server", 500);
    data.finish("server");
    const after = ftp.net.last;
    ftp.control.sealed("server", "226 Directory send OK.\r\n");
    ftp.quitSealed();
    // 192.0.2.10 is the client; its packets of the data connection took another way
    const isGone = (source: number, number: number) =>
      side === "server" && source === 10 && number > before && number <= after;
    ftp.net.edit((packets) => packets.filter(({ datagram }, at) => !isGone(datagram[15], at + 1)));
    return ftp.channel();
  };
  judges(seen("both"), "ok");
  const half = seen("server");
  judges(half, "undetermined");
  assert.deepEqual(half.limits, ["one-sided"]);
});

test("opened, never asked for anything and reset: not attempted, not stalled", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.pause(7);
  data.fin("client");
  ftp.control.fin("client");
  data.reset("server");
  judges(ftp.channel(), "not-attempted");
});

test("the capture ends in a pause of the program that sends: nobody has stalled while keep-alives are answered", () => {
  const paused = (alive: number | null, { window = 502, acked = true, hours = 0 } = {}) => {
    const ftp = new Dialogue().login();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("STOR file", "150 Ok to send data.");
    data.clientData(2000, { acked });
    if (alive !== null) {
      ftp.pause(alive);
      data.segment("client", { flags: "A", seq: data.position("client").seq - 1 });
      const { seq } = data.position("client");
      data.segment("server", { flags: "A", ack: acked ? seq : seq - 100, window });
    }
    ftp.pause(SILENCE_SECONDS + 1);
    ftp.watch(0);
    ftp.control.ack("client");
    if (hours > 0) ftp.watch(hours * 3600);
    return ftp.channel();
  };
  judges(paused(ALIVE_SECONDS + 0.1), "undetermined");
  judges(paused(ALIVE_SECONDS + 0.1, { window: 0 }), "failed", "data-stalled");
  judges(paused(ALIVE_SECONDS + 0.1, { acked: false }), "failed", "data-stalled");
  judges(paused(ALIVE_SECONDS + 0.1, { hours: 5 }), "failed", "data-stalled");
  judges(paused(ALIVE_SECONDS - 0.2), "failed", "data-stalled");
  judges(paused(null), "failed", "data-stalled");
});

test("a sender that repeats itself under a 226 is no stall where the receiver's packets are not in the capture", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR file", "150 Opening BINARY mode data connection.");
  const [segment] = data.serverData(500, { acked: false });
  data.retransmit(segment, { times: 5 });
  data.fin("server");
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  judges(ftp.channel(), "failed", "data-stalled");
  // All that the client sent to port 50002 was not captured.
  ftp.loseSentTo(50_002);
  judges(ftp.channel(), "ok");
});

test("ABOR behind the client's own reset, which the server answers before it reads the ABOR: the client aborted", () => {
  const crossing = (side: "client" | "server", options: SegmentOptions = {}) => {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("RETR big", "150 Opening BINARY mode data connection.");
    data.serverData(20_000);
    data.reset(side, options);
    // By hand: what the server says next does not acknowledge it.
    ftp.control.segment("client", { flags: "PA", payload: "ABOR\r\n" });
    ftp.control.server("426 Failure writing network stream.\r\n");
    return ftp.pause(3).channel();
  };
  judges(crossing("client"), "aborted");
  judges(crossing("server"), "failed", "data-connection-reset");
  judges(crossing("client", FORGED), "failed", "data-connection-reset");
});

test("ABOR of a client that had read the server's no, behind an upload that it had closed, aborts nothing", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("STOR big", "150 Ok to send data.");
  data.clientData(20_000);
  data.fin("client");
  ftp.control.server("452 Error writing file: No space left on device.\r\n");
  ftp.ask("ABOR", "226 No transfer to abort.");
  judges(ftp.quit().channel(), "refused");
});

test("ABOR is the consequence where nothing got through before it", () => {
  const abort = (ftp: Dialogue) => ftp.ask("ABOR", "426 Failure writing network stream.", "226 ABOR successful.");
  const filtered = new Dialogue().login();
  filtered.passive(50002);
  filtered.ask("LIST");
  filtered.net.synUnanswered({ ...filtered.ends(50002), retries: REPEATED_SYNS });
  abort(filtered.pause(ANSWER_SECONDS - 1));
  judges(filtered.quit().channel(), "failed", "data-port-filtered");

  const hasty = new Dialogue().login();
  hasty.passive(50002);
  hasty.ask("LIST");
  hasty.net.synUnanswered({ ...hasty.ends(50002), retries: 1 });
  abort(hasty.pause(0.2));
  judges(hasty.quit().channel(), "aborted");

  const once = new Dialogue().login();
  once.passive(50002);
  once.ask("LIST");
  once.net.synUnanswered({ ...once.ends(50002), retries: 0 });
  abort(once.pause(0.3));
  judges(once.quit().channel(), "aborted");

  const refused = new Dialogue().login();
  refused.passive(50002);
  refused.ask("LIST");
  refused.net.synRefused(refused.ends(50002));
  abort(refused);
  judges(refused.quit().channel(), "failed", "data-port-rejected");

  const stuck = new Dialogue({ vantage: "server" }).login();
  stuck.passive(50002);
  const data = stuck.dial(50002);
  stuck.ask("RETR big", "150 Opening BINARY mode data connection.");
  data.serverData(20_000);
  const [lost] = data.serverData(1448, { acked: false });
  data.retransmit(lost, { times: 6 });
  abort(stuck);
  judges(stuck.quit().channel(), "failed", "data-stalled");
});

test("what comes behind an ABOR is the ABOR's: a listener that is closed, a client that is gone", () => {
  const late = new Dialogue({ vantage: "server" }).login();
  late.active(50001);
  late.ask("RETR big");
  late.ask("ABOR");
  late.net.synRefused(late.ends(50001, {}, "server"));
  late.control.server("425 Failed to establish connection.\r\n");
  judges(late.quit().channel(), "aborted");

  const gone = new Dialogue({ vantage: "server" }).login();
  gone.passive(50002);
  const data = gone.dial(50002);
  gone.ask("RETR big", "150 Opening BINARY mode data connection.");
  data.serverData(20_000);
  gone.ask("ABOR");
  const [lost] = data.serverData(1448, { acked: false });
  data.retransmit(lost, { times: 6 });
  gone.control.server("426 Failure writing network stream.\r\n");
  judges(gone.quit().channel(), "aborted");
});

test("an ABOR that comes too late ends nothing", () => {
  // vsftpd; ProFTPD answers the ABOR "226 Abort successful" all the same.
  for (const [sent, ends, answer, outcome] of [
    [20_000, "226 Transfer complete.", "225 No transfer to ABOR.", "ok"],
    [20_000, "226 Transfer complete", "226 Abort successful", "ok"],
    [19_999, "226 Transfer complete.", "225 No transfer to ABOR.", "aborted"],
    [20_000, "426 Failure writing network stream.", "226 ABOR successful.", "aborted"],
  ] as const) {
    const ftp = new Dialogue().login();
    ftp.ask("TYPE I", "200 Switching to Binary mode.");
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (20000 bytes).");
    data.serverData(sent - 1000);
    ftp.ask("ABOR");
    data.serverData(1000);
    data.finish("server");
    ftp.control.server(`${ends}\r\n`);
    ftp.control.server(`${answer}\r\n`);
    assert.equal(ftp.quit().channel().outcome, outcome, `${sent} bytes, ${ends}`);
  }
});

test("where the control connection ended with the negotiation, the end of the capture keeps nothing back", () => {
  const ended = (ends: (ftp: Dialogue) => void) => {
    const ftp = new Dialogue().login();
    ftp.ask("PASV");
    ends(ftp);
    return ftp.channel();
  };
  const reset = ended((ftp) => ftp.control.reset("server"));
  assert.deepEqual([reset.outcome, reset.limits.includes("capture-ends")], ["undetermined", false]);
  const open = ended((ftp) => ftp.control.ack("server"));
  assert.deepEqual([open.outcome, open.limits.includes("capture-ends")], ["undetermined", true]);
});

test("an ABOR that the capture lost is known by what the server says to the transfer", () => {
  const ftp = new Dialogue().login();
  ftp.ask("TYPE I", "200 Switching to Binary mode.");
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR file", "150 Opening BINARY mode data connection for file (5000 bytes).");
  data.serverData(3000);
  data.finish("server");
  ftp.control.server("226 Abort successful\r\n");
  judges(ftp.quit().channel(), "aborted");

  const named = new Dialogue().login();
  named.passive(50002);
  const whole = named.dial(50002);
  named.ask("RETR aborted-jobs.txt", "150 Opening BINARY mode data connection.");
  whole.serverData(3000);
  whole.finish("server");
  named.control.server("226 Transfer of aborted-jobs.txt complete\r\n");
  judges(named.quit().channel(), "ok");
});

test("bytes into a closed window are probes, and no data repeated in vain", () => {
  const probed = (abort: boolean) => {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("RETR big", "150 Opening BINARY mode data connection.");
    data.serverData(20_000);
    data.zeroWindow("client");
    // Windows and BSD send the next byte, again and again (RFC 9293 section 3.8.6.1).
    for (const seconds of [0.3, 0.6, 1.2, 2.4]) {
      ftp.pause(seconds);
      data.segment("server", { flags: "A", payload: "x" });
      data.zeroWindow("client");
    }
    if (abort) ftp.ask("ABOR", "426 Failure writing network stream.", "226 ABOR successful.");
    return ftp.channel();
  };
  judges(probed(true), "aborted");
  judges(probed(false), "undetermined");
});

test("packets win over a reason of the server's own: what broke before was the connection", () => {
  const upload = (breaks: (data: Connection) => void, reply: string) => {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("STOR file", "150 Ok to send data.");
    data.clientData(30_000);
    breaks(data);
    ftp.control.server(`${reply}\r\n`);
    return ftp.quit().channel();
  };
  const forged = (data: Connection) => void data.reset("client", FORGED);
  judges(upload(forged, "550 Data channel error: connection reset by peer"), "failed", "data-connection-reset");
  // A server whose disk is full may reset what still comes.
  judges(
    upload((data) => void data.reset("server"), "552 Disk full."),
    "refused",
  );
  judges(
    upload((data) => void data.finish("client"), "552 Disk full."),
    "refused",
  );
  for (const reply of ["552 Disk full.", "550 Permission denied."]) judges(upload(forged, reply), "refused");
  for (const reply of [
    "451 file system error", // aioftp
    "426 No space left on device; transfer aborted.", // pyftpdlib
    "426 Disk quota exceeded; transfer aborted.",
  ])
    judges(
      upload((data) => void data.reset("server"), reply),
      "refused",
    );
  judges(
    upload((data) => void data.reset("server"), "426 Transfer aborted; 30000 bytes transmitted."),
    "failed",
    "data-connection-reset",
  );
  const inVain = (data: Connection) => void data.retransmit(data.clientData(1000, { acked: false })[0], { times: 6 });
  judges(upload(inVain, "550 The specified network name is no longer available."), "failed", "data-stalled");

  const untouched = new Dialogue({ vantage: "server" }).login();
  untouched.passive(50002);
  const idle = untouched.dial(50002);
  untouched.ask("STOR file");
  idle.reset("client", FORGED);
  untouched.control.server("550 Transfer refused.\r\n");
  judges(untouched.quit().channel(), "refused");

  const distrusted = new Dialogue().secureLogin().clearAgain();
  distrusted.passive(50002);
  const data = distrusted.dial(50002);
  distrusted.ask("LIST", "125 Data connection already open; Transfer starting.");
  data.tls({}, 2);
  data.alert("client", 2, 48);
  data.finish("client");
  distrusted.control.server("550 The supplied message is incomplete. The signature was not verified.\r\n");
  judges(distrusted.quit().channel(), "failed", "data-tls-handshake-failed");
});

test("a negotiation was superseded also where the yes to the later one is not in the capture", () => {
  const ftp = new Dialogue().login();
  ftp.active(50001);
  const second = ftp.active(50002);
  ftp.control.client("LIST\r\n");
  const data = ftp.dialBack(50002);
  const opened = ftp.control.server("150 Here comes the directory listing.\r\n");
  data.serverData(300);
  data.finish("server");
  ftp.control.server("226 Directory send OK.\r\n");
  ftp.quit();
  ftp.net.drop(second.reply, opened);
  judges(ftp.channels()[0], "not-attempted");
});

test("what the client said between a negotiation and its yes may have replaced it", () => {
  const pipelined = (lose: boolean) => {
    const ftp = new Dialogue().login();
    ftp.control.client("PASV\r\n");
    const lost = ftp.control.client("EPSV\r\n");
    ftp.control.client("NOOP\r\n");
    ftp.control.server("227 Entering Passive Mode (203,0,113,5,195,82).\r\n");
    ftp.control.server("500 EPSV not understood\r\n");
    ftp.control.server("200 NOOP ok.\r\n");
    ftp.pause(5).quit();
    if (lose) ftp.net.drop(lost);
    return ftp.channels()[0];
  };
  judges(pipelined(false), "failed", "syn-not-seen");
  judges(pipelined(true), "undetermined");
});

test("ABOR before anything was sure: an ICMP error behind it, a stall that was young, or that only one direction shows", () => {
  const icmp = new Dialogue().login();
  icmp.passive(50002);
  icmp.ask("LIST");
  const [syn] = icmp.net.synUnanswered({ ...icmp.ends(50002), retries: 0 });
  icmp.ask("ABOR");
  icmp.net.icmpError({ from: ROUTER, quoting: syn, type: 3, code: 13 });
  icmp.control.server("426 Failure.\r\n");
  judges(icmp.quit().channel(), "aborted");

  const confirmed = new Dialogue().login();
  confirmed.passive(50002);
  confirmed.ask("LIST");
  confirmed.net.synUnanswered({ ...confirmed.ends(50002), retries: REPEATED_SYNS });
  confirmed.pause(ANSWER_SECONDS).ask("ABOR", "226 Transfer complete.", "226 ABOR successful.");
  judges(confirmed.quit().channel(), "aborted");

  const stuck = (patience: number, oneSided: boolean) => {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("RETR big", "150 Opening BINARY mode data connection.");
    data.serverData(20_000);
    const [lost] = data.serverData(1448, { acked: false });
    const repeats = data.retransmit(lost, {
      times: STALL_RETRANSMISSIONS + 1,
      afterMs: (patience * 1000) / STALL_RETRANSMISSIONS,
    });
    ftp.control.client("ABOR\r\n");
    data.retransmit(lost, { times: 4, afterMs: 1000 });
    ftp.control.server("426 Failure writing network stream.\r\n");
    ftp.quit();
    assert.ok(repeats.length > STALL_RETRANSMISSIONS);
    if (oneSided) ftp.loseSentTo(50_002);
    return ftp.channel();
  };
  judges(stuck(STALL_SECONDS + 0.5, false), "failed", "data-stalled");
  judges(stuck(STALL_SECONDS - 1, false), "aborted");
  judges(stuck(STALL_SECONDS + 0.5, true), "aborted");
});

test("a server's last words, which only its FIN tells of, do not decide about a connection that was opened and never used", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.control.fin("client");
  data.finish("client");
  const goodbye = ftp.control.server("221 Logout.\r\n");
  ftp.control.fin("server");
  ftp.net.drop(goodbye);
  judges(ftp.channel(), "not-attempted");
});

test("a server that ends the session by its own timer in mid-transfer has its own reason, unless the data stood still", () => {
  const ended = (stall: boolean) => {
    const ftp = new Dialogue({ vantage: "server", software: "proftpd" }).login();
    ftp.passive(50002);
    const data = ftp.dial(50002);
    ftp.ask("RETR big", "150 Opening BINARY mode data connection for big (400000 bytes)");
    data.serverData(163_840);
    if (stall) {
      const [lost] = data.serverData(1448, { acked: false });
      data.retransmit(lost, { times: 5 });
    }
    ftp.control.server("421 Session Timeout (15 seconds): closing control connection\r\n");
    if (!stall) data.finish("server");
    ftp.control.finish("server");
    return ftp.channel();
  };
  judges(ended(false), "refused");
  judges(ended(true), "failed", "data-stalled");
});

test("replies alone: what carried data is not fine where one of them is a no to a command that the capture lacks", () => {
  const told = (...replies: string[]) => {
    const ftp = new Dialogue().login();
    ftp.passive(50_002);
    const data = ftp.dial(50_002);
    ftp.control.client("RETR data.bin\r\n");
    ftp.control.server(`${ftp.texts.list}\r\n`);
    data.serverData(20_000);
    data.finish("server");
    for (const reply of replies) ftp.control.server(`${reply}\r\n`);
    ftp.quit().loseSentTo(21);
    return ftp.channel();
  };
  judges(told("226 Transfer complete."), "ok");
  judges(told("426 Failure writing network stream."), "undetermined");
  judges(told("426 Connection closed; transfer aborted.", "226 ABOR successful"), "undetermined");
});
