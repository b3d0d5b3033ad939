import { test } from "node:test";
import type { Side } from "../../support/capture-builder.ts";
import { CLIENT, Dialogue, judges, OTHER, shows } from "../dialogue.ts";
import { VAIN_WAIT_SECONDS } from "../thresholds.ts";

const CAUSE = "data-peer-mismatch";

test("the server says whose connection it did not want", () => {
  for (const reply of [
    "425 Security: Bad IP connecting.", // vsftpd
    `425 Rejected data connection from foreign address ${OTHER}.`, // pyftpdlib
    "425 Possible PASV port theft, cannot open data connection.", // wu-ftpd
    "425 Data connection IP does not match control connection IP", // SFTPGo
    "530 Only client IP address allowed to connect to PASV socket.", // Serv-U
    "550 Remote addresses do not match", // ftp-srv
  ]) {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.passive(50002);
    const data = ftp.dial(50002, { from: OTHER });
    const list = ftp.ask("LIST", reply);
    data.finish("server");
    ftp.quit();
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [data.handshake.syn, list.reply],
      says: /data connection from 198\.51\.100\.77:\d+; the control connection's peer is 192\.0\.2\.10/,
    });
  }
});

test("said unasked, before the transfer command (pyftpdlib): the 150 that follows waits for a connection that never comes", () => {
  const told = (text: string, final?: string) => {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.passive(50002);
    const data = ftp.dial(50002, { from: OTHER });
    data.fin("server");
    const unasked = ftp.control.server(`${text}\r\n`);
    ftp.control.ack("client");
    ftp.ask("RETR a", "150 File status okay. About to open data connection.");
    data.fin("client");
    if (final) ftp.control.server(`${final}\r\n`);
    ftp.pause(8).control.finish("client");
    return { channel: ftp.channel(), data, unasked };
  };
  const { channel, data, unasked } = told(`425 Rejected data connection from foreign address ${OTHER}:37180.`);
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [data.handshake.syn, unasked],
  });
  // Another came in its place.
  judges(
    told(`425 Rejected data connection from foreign address ${OTHER}:37180.`, "226 Transfer complete.").channel,
    "ok",
  );
});

test("said unasked while another command waits: that command's own reply shifts nothing", () => {
  for (const [verb, yes, text] of [
    ["SIZE a", "213 150000", `425 Rejected data connection from foreign address ${OTHER}:59248.`], // pyftpdlib
    ["REST 0", "350 Restarting next transfer at 0", "550 Remote addresses do not match"], // ftp-srv
  ]) {
    const ftp = new Dialogue({ vantage: "server" }).login();
    ftp.passive(50002);
    const data = ftp.dial(50002, { from: OTHER });
    ftp.control.client(`${verb}\r\n`);
    data.fin("server");
    const unasked = ftp.control.server(`${text}\r\n`);
    ftp.control.client("RETR a\r\n");
    ftp.control.server(`${yes}\r\n`);
    data.fin("client");
    ftp.control.finish("client");
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [data.handshake.syn, unasked],
    });
  }
});

test("by text alone: client side, where both connections leave by one address, and no connection in the capture", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  const list = ftp.ask("LIST", "425 Security: Bad IP connecting.");
  data.finish("server");
  ftp.passive(50003);
  const again = ftp.ask("LIST", "425 Security: Bad IP connecting.");
  ftp.quit();
  const [seen, unseen] = ftp.channels();
  shows(seen, { outcome: "failed", cause: CAUSE, confidence: "certain", evidence: [list.reply] });
  shows(unseen, { outcome: "failed", cause: CAUSE, confidence: "certain", evidence: [again.reply] });
});

test("by packets alone: the server accepts a stranger's connection and drops it, 425", () => {
  const ftp = new Dialogue({ vantage: "server", software: "proftpd" }).login();
  ftp.passive(50002);
  const data = ftp.dial(50002, { from: OTHER });
  data.fin("server");
  data.ack("client");
  const list = ftp.ask("LIST", "425 Unable to build data connection: Connection refused");
  data.fin("client");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [data.handshake.syn, list.reply],
    alternatives: ["data-connection-reset"],
  });
});

/** Pure-FTPd closes a stranger's connection without a word, and waits for the right one. */
function closedSilently({
  from = OTHER,
  waits = VAIN_WAIT_SECONDS,
  first = "server" as Side,
  reply = "",
  bytes = 0,
} = {}) {
  const ftp = new Dialogue({ vantage: "server", software: "pure-ftpd" }).login();
  ftp.passive(50002);
  const data = ftp.dial(50002, { from });
  const { command } = ftp.ask("RETR a");
  if (reply) ftp.control.server(`${reply}\r\n`);
  if (bytes > 0) data.serverData(bytes);
  data.finish(first);
  ftp.pause(waits).control.finish("client");
  return { channel: ftp.channel(), syn: data.handshake.syn, command };
}

test("closed without a word, and the client waits in vain", () => {
  const { channel, syn, command } = closedSilently();
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [syn, command],
    alternatives: ["data-connection-reset"],
    says: /RETR is not answered for 8/,
  });
});

test("silent: the client's own connection, a client that leaves early or closes first, a server that says or sends something", () => {
  judges(closedSilently({ from: CLIENT }).channel, "undetermined");
  judges(closedSilently({ waits: VAIN_WAIT_SECONDS - 1 }).channel, "undetermined");
  judges(closedSilently({ first: "client" }).channel, "undetermined");
  judges(closedSilently({ reply: "150 Accepted data connection" }).channel, "ok");
  judges(closedSilently({ bytes: 500 }).channel, "ok");
});

test("after CCC", () => {
  const ftp = new Dialogue({ vantage: "server" }).secureLogin().clearAgain();
  ftp.passive(50002);
  const data = ftp.dial(50002, { from: OTHER });
  const list = ftp.ask("LIST", "425 Security: Bad IP connecting.");
  data.finish("server");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [data.handshake.syn, list.reply],
  });
});

test("silent: FXP that works, passive and active", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.passive(50002);
  ftp.list(ftp.dial(50002, { from: OTHER }));
  ftp.active(51002, OTHER);
  ftp.list(ftp.dialBack(51002, { address: OTHER }));
  ftp.quit();
  for (const channel of ftp.channels()) judges(channel, "ok");
});

test("silent: a PORT with a foreign address is refused, and the server's own client is dropped", () => {
  const port = new Dialogue({ software: "pyftpdlib" }).login();
  port.active(51002, OTHER, `501 Rejected data connection to foreign address ${OTHER}:51002.`);
  port.quit();
  judges(port.channel(), "refused", "port-refused");

  const own = new Dialogue({ vantage: "server" }).login();
  own.passive(50002);
  const data = own.dial(50002);
  data.fin("server");
  data.ack("client");
  own.ask("LIST", "425 Failed to establish connection.");
  data.fin("client");
  own.quit();
  judges(own.channel(), "undetermined");
});

/** A data connection that is answered with this TTL, nothing on it, and what the server says in the end. */
function answeredWith(serverTtl: number | undefined, reply: string) {
  const ftp = new Dialogue().login();
  ftp.passive(50002);
  const data = ftp.dial(50002, serverTtl === undefined ? {} : { serverTtl });
  ftp.ask("LIST");
  const failed = ftp.pause(60).control.server(`${reply}\r\n`);
  ftp.quit();
  return { channel: ftp.channel(), synAck: data.handshake.synAck, failed };
}

test("another backend answers the client's SYN in the server's name, and the server says that nothing came", () => {
  const { channel, synAck, failed } = answeredWith(54, "425 Failed to establish connection.");
  shows(channel, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [synAck, failed],
    alternatives: ["data-port-filtered"],
    says: /SYN-ACK of the data connection is not the server's: TTL 54.*others? .*TTL 57.*3 hops beyond/,
  });
});

test("silent: the server itself answers; another backend, and the transfer works", () => {
  judges(answeredWith(undefined, "425 Failed to establish connection.").channel, "failed", "data-stalled");
  judges(answeredWith(54, "226 Directory send OK.").channel, "ok");
});
