import { test } from "node:test";
import { Dialogue, judges, shows } from "../dialogue.ts";
import { ANSWER_SECONDS, SILENCE_SECONDS, ZERO_WINDOW_SECONDS } from "../thresholds.ts";

const CAUSE = "transfer-truncated";

interface Retrieved {
  readonly announced?: string;
  readonly carried: number;
  readonly before?: readonly (readonly [command: string, reply: string])[];
  readonly after?: readonly (readonly [command: string, reply: string])[];
  readonly verb?: string;
  readonly final?: string;
}

/** RETR of a file in binary mode, 226 at the end. */
function retrieve({
  announced,
  carried,
  before,
  after,
  verb = "RETR file",
  final = "226 Transfer complete.",
}: Retrieved) {
  const ftp = new Dialogue().login();
  const prepared = (before ?? [["TYPE I", "200 Switching to Binary mode."]]).map(([verb, reply]) =>
    ftp.ask(verb, reply),
  );
  ftp.passive(50002);
  const data = ftp.dial(50002);
  for (const [command, reply] of after ?? []) ftp.ask(command, reply);
  const opening = ftp.ask(verb, announced ?? "150 Opening BINARY mode data connection for file (5000 bytes).");
  data.serverData(carried);
  const [fin] = data.finish("server");
  const said = ftp.control.server(`${final}\r\n`);
  ftp.quit();
  return { channel: ftp.channel(), prepared, opening: opening.reply, fin, said };
}

test("the stream ends before the size of the 150, and yet 226: vsftpd, ProFTPD, Serv-U", () => {
  for (const announced of [
    "150 Opening BINARY mode data connection for file (5000 bytes).",
    "150 Opening BINARY mode data connection for file (5000 bytes)",
    "150 Opening BINARY mode data connection for file (5000 Bytes).",
  ]) {
    const { channel, opening, fin, said } = retrieve({ announced, carried: 4999 });
    shows(channel, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [opening, fin, said],
      says: /the data ends after 4999 of 5000 bytes/,
    });
  }
});

test("silent: a RST ends the stream before its size, and yet 226: the reset is what cut it", () => {
  const ftp = new Dialogue().login();
  ftp.ask("TYPE I", "200 Switching to Binary mode.");
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR file", "150 Opening BINARY mode data connection for file (5000 bytes).");
  data.serverData(2000);
  data.reset("server", { ttl: 62 });
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  judges(ftp.channel(), "failed", "data-connection-reset");
});

test("where the TYPE is not known, the 150 says that the mode is binary", () => {
  judges(retrieve({ carried: 4900, before: [] }).channel, "failed", CAUSE);
});

test("silent: all of it, or more than announced (the file grew)", () => {
  judges(retrieve({ carried: 5000 }).channel, "ok");
  judges(retrieve({ carried: 6000 }).channel, "ok");
});

const REST = ["REST 3000", "350 Restart position accepted (3000)."] as const;

test("silent: REST before RETR", () => {
  judges(retrieve({ carried: 2000, after: [REST] }).channel, "ok");
});

test("silent: REST before PASV", () => {
  const image = ["TYPE I", "200 Switching to Binary mode."] as const;
  judges(retrieve({ carried: 2000, before: [image, REST] }).channel, "ok");
});

test("silent: ASCII mode, no size, another verb", () => {
  judges(retrieve({ carried: 4900, before: [["TYPE A", "200 Switching to ASCII mode."]] }).channel, "ok");
  const ascii = "150 Opening ASCII mode data connection for file (5000 bytes).";
  judges(retrieve({ carried: 4900, before: [], announced: ascii }).channel, "ok");
  judges(retrieve({ carried: 10, announced: "150 Opening BINARY mode data connection" }).channel, "ok");
  judges(retrieve({ carried: 10, verb: "LIST" }).channel, "ok");
});

test("silent: a size in the file's own name", () => {
  const announced = "150 Opening BINARY mode data connection for notes (9000 bytes).txt (5000 bytes).";
  judges(retrieve({ carried: 5000, announced }).channel, "ok");
});

const IMAGE = ["TYPE I", "200 TYPE is now 8-bit binary"] as const;
const SIZE = ["SIZE file", "213 5000"] as const;
const PURE_FTPD = "150 Accepted data connection";

test("the size that SIZE gave, where the 150 has none (Pure-FTPd): possible", () => {
  const { channel, prepared, fin, said } = retrieve({ announced: PURE_FTPD, carried: 4999, before: [IMAGE, SIZE] });
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [prepared[1].reply, fin, said],
    says: [/SIZE: reply "213 5000"/, /the data ends after 4999 of 5000 bytes/],
  });
});

test("the type that was in force at SIZE is asked for again before RETR (ftplib): possible", () => {
  const again = ["TYPE I", "200 Type set to: Binary."] as const;
  const judged = (...before: (readonly [string, string])[]) =>
    retrieve({ announced: "125 Data connection already open. Transfer starting.", carried: 4999, before }).channel;
  const told = { outcome: "failed", cause: CAUSE, confidence: "possible" } as const;
  const { channel, prepared, fin, said } = retrieve({
    announced: "125 Data connection already open. Transfer starting.",
    carried: 4999,
    before: [IMAGE, SIZE, again],
  });
  shows(channel, { ...told, evidence: [prepared[1].reply, fin, said] });
  // Of an ASCII file SIZE may count other bytes: the type was another, is not known, or was the login's.
  const ascii = ["TYPE A", "200 TYPE is now ASCII"] as const;
  const user = ["USER other", "230 Logged in"] as const;
  for (const before of [
    [ascii, SIZE, again],
    [SIZE, again],
    [IMAGE, user, SIZE, again],
    [IMAGE, SIZE, ascii, again],
    [["TYPE I", "500 What?"], SIZE, again],
  ] as const)
    judges(judged(...before), "ok");
});

test("silent: SIZE said so, and all of it came, or more (the file grew)", () => {
  for (const carried of [5000, 5001])
    judges(retrieve({ announced: PURE_FTPD, carried, before: [IMAGE, SIZE] }).channel, "ok");
});

test("silent: SIZE of another file, of this name elsewhere, before a change of it, or refused", () => {
  for (const before of [
    [IMAGE, ["SIZE other", "213 5000"]],
    [IMAGE, SIZE, ["CWD sub", "250 OK. Current directory is /sub"]],
    [IMAGE, SIZE, ["DELE file", "250 Deleted file"]],
    [IMAGE, ["SIZE file", "550 I can only retrieve regular files"]],
  ] as const)
    judges(retrieve({ announced: PURE_FTPD, carried: 4000, before }).channel, "ok");
});

test("silent: SIZE, and then the rest of a file, or another type", () => {
  judges(retrieve({ announced: PURE_FTPD, carried: 2000, before: [IMAGE, SIZE], after: [REST] }).channel, "ok");
  const ascii = ["TYPE A", "200 TYPE is now ASCII"] as const;
  judges(retrieve({ announced: PURE_FTPD, carried: 4900, before: [IMAGE, SIZE, ascii] }).channel, "ok");
  judges(retrieve({ announced: PURE_FTPD, carried: 4900, before: [ascii, SIZE, IMAGE] }).channel, "ok");
  judges(retrieve({ announced: PURE_FTPD, carried: 4900, before: [ascii, SIZE] }).channel, "ok");
});

test("silent: the server itself says that it was cut short, or the data is TLS", () => {
  judges(retrieve({ carried: 4000, final: "451 Failure reading local file." }).channel, "refused");
  const ftp = new Dialogue().secureLogin().clearAgain();
  ftp.ask("TYPE I", "200 Switching to Binary mode.");
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR file", "150 Opening BINARY mode data connection for file (5000 bytes).");
  data.tls({ resumption: "psk" });
  data.sealed("server", 2000);
  data.closeNotify("server");
  data.finish("server");
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  judges(ftp.channel(), "ok");
});

test("silent: the connection is another transfer's, whose 227 the capture lost", () => {
  const ftp = new Dialogue().login();
  ftp.ask("TYPE I", "200 Switching to Binary mode.");
  const first = ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR short", "150 Opening BINARY mode data connection for short (300 bytes).");
  data.serverData(300);
  data.finish("server");
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.passive(50003);
  ftp.ask("RETR long", "150 Opening BINARY mode data connection for long (5000 bytes).", "226 Transfer complete.");
  ftp.quit();
  ftp.net.drop(first.reply);
  const [lost, other] = ftp.channels();
  judges(lost, "undetermined");
  judges(other, "ok");
});

test("silent: the connection goes to another port than was granted: it may be another transfer's, whose negotiation the capture lost", () => {
  const ftp = new Dialogue().login();
  ftp.ask("TYPE I", "200 Switching to Binary mode.");
  ftp.passive(50002);
  const data = ftp.dial(50003);
  ftp.ask("RETR long", "150 Opening BINARY mode data connection for long (5000 bytes).");
  data.serverData(300);
  data.finish("server");
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  judges(ftp.channel(), "ok");
});

/** RETR of 5000 bytes in binary mode whose server closes after 3000 and never says another word. */
function cutShort(then: (ftp: Dialogue, data: ReturnType<Dialogue["dial"]>) => void) {
  const ftp = new Dialogue().login();
  ftp.ask("TYPE I", "200 Switching to Binary mode.");
  ftp.passive(50002);
  const data = ftp.dial(50002);
  const { reply } = ftp.ask("RETR file", "150 Opening BINARY mode data connection for file (5000 bytes).");
  data.serverData(3000);
  then(ftp, data);
  return { channel: ftp.channel(), reply };
}

test("the server closes in the middle and says nothing more: it died", () => {
  let fin = 0;
  const { channel, reply } = cutShort((ftp, data) => {
    [fin] = data.finish("server");
    ftp.pause(1).control.finish("server");
  });
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [reply, fin],
    says: /the data ends after 3000 of 5000 bytes/,
  });
});

test("silent: the server gives up a transfer that stood still (ProFTPD, TimeoutStalled): its end is the consequence", () => {
  const stood = (shut: number, open: number) =>
    cutShort((ftp, data) => {
      data.zeroWindow("client");
      ftp.pause(shut);
      ftp.control.fin("server");
      data.ack("client");
      ftp.pause(open);
      data.serverData(1000);
      data.finish("server");
      ftp.control.finish("client");
    }).channel;
  judges(stood(ZERO_WINDOW_SECONDS + 1, 0), "failed", "data-stalled");
  judges(stood(ZERO_WINDOW_SECONDS - 1, 0), "failed", CAUSE);
  judges(stood(ZERO_WINDOW_SECONDS + 1, SILENCE_SECONDS + 1), "failed", CAUSE);
});

test("silent: the client had closed first, on either connection", () => {
  const byData = cutShort((ftp, data) => {
    data.finish("client");
    ftp.quit();
  });
  judges(byData.channel, "ok");
  const byControl = cutShort((ftp, data) => {
    ftp.control.fin("client");
    data.finish("server");
    ftp.control.fin("server");
  });
  judges(byControl.channel, "ok");
  const byReset = cutShort((ftp, data) => {
    ftp.control.reset("client");
    data.finish("server");
    ftp.watch(ANSWER_SECONDS + 1);
  });
  judges(byReset.channel, "undetermined");
  const byQuit = cutShort((ftp, data) => {
    ftp.control.client("QUIT\r\n");
    data.finish("server");
    ftp.control.server("221 Goodbye.\r\n");
    ftp.control.finish("server");
  });
  judges(byQuit.channel, "ok");
});

test("silent: the FINs cross, or the capture ends before the server can have said anything", () => {
  const crossed = cutShort((ftp, data) => {
    const { ack } = data.position("client");
    data.fin("server");
    data.segment("client", { flags: "FA", ack });
    ftp.pause(1).control.finish("client");
  });
  judges(crossed.channel, "ok");
  const early = (seconds: number) =>
    cutShort((ftp, data) => {
      data.finish("server");
      ftp.watch(seconds);
    }).channel;
  judges(early(ANSWER_SECONDS - 1), "undetermined");
  judges(early(ANSWER_SECONDS + 1), "failed", CAUSE);
});

test("silent: MODE Z, STRU R and RANG carry another number of bytes than the file has", () => {
  const told = (command: string) =>
    retrieve({
      carried: 4000,
      before: [
        ["TYPE I", "200 ok"],
        [command, "200 ok"],
      ],
    }).channel;
  judges(told("MODE Z"), "ok");
  judges(told("RANG 0 3999"), "ok");
  judges(told("STRU R"), "ok");
  judges(told("MODE S"), "failed", CAUSE);
});

test("silent: what stands where SIZE is due is the time that MDTM asked for", () => {
  const { channel } = retrieve({
    announced: "150 Opening BINARY mode data connection.",
    carried: 4000,
    after: [["SIZE file", "213 20261121162131"]],
  });
  judges(channel, "ok");
});

test("silent: the connection is tied to the transfer by its time alone, for the snaplen cut the port off", () => {
  const seen = (snaplen: number) => {
    const ftp = new Dialogue({ snaplen }).login();
    ftp.ask("TYPE I", "200 ok");
    ftp.ask("SIZE a", "213 6");
    ftp.ask("PASV", "227 Entering Passive Mode (203,0,113,5,195,82).");
    const data = ftp.dial(50002);
    ftp.ask("RETR a", "150 go");
    data.serverData(3);
    data.finish("server");
    ftp.control.server("226 ok\r\n");
    return ftp.quit().channel();
  };
  judges(seen(65_535), "failed", CAUSE);
  judges(seen(90), "ok");
});

test("silent: the connection stands out of order in the file, its FIN before its SYN-ACK and the data", () => {
  const ftp = new Dialogue().login();
  ftp.ask("TYPE I", "200 Switching to Binary mode.");
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("RETR file", "150 Opening BINARY mode data connection for file (1100 bytes).");
  data.serverData(1100);
  const [fin] = data.finish("server");
  ftp.control.server("226 Transfer complete.\r\n");
  ftp.quit();
  ftp.net.move(fin, data.handshake.synAck - fin);
  judges(ftp.channel(), "ok");
});

test("silent: the connection is the next transfer's or the last one's, granted the same port, as clocks that differ place it", () => {
  const retrieve = (ftp: Dialogue) =>
    ftp.ask("RETR file", "150 Opening BINARY mode data connection for file (1100 bytes).", "226 Transfer complete.");

  const next = new Dialogue().login();
  next.ask("TYPE I", "200 Switching to Binary mode.");
  next.passive(50002);
  retrieve(next);
  next.pause(1);
  const early = next.dial(50002);
  next.passive(50002);
  next.list(early);
  for (const channel of next.quit().channels()) judges(channel, "ok");

  const last = new Dialogue().login();
  last.ask("TYPE I", "200 Switching to Binary mode.");
  last.passive(50002);
  last.ask("LIST", "150 Here comes the directory listing.", "226 Directory send OK.");
  last.passive(50002);
  const late = last.pause(1).dial(50002);
  late.serverData(300);
  late.finish("server");
  retrieve(last.pause(1));
  for (const channel of last.quit().channels()) judges(channel, "ok");
});
