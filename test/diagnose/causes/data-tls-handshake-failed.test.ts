import assert from "node:assert/strict";
import { test } from "node:test";
import { otherSide } from "../../support/capture-builder.ts";
import { applicationRecord, TLS12_RECORDS, tlsFlights } from "../../support/tls-records.ts";
import { Dialogue, FORGED, judges, shows, tlsListing } from "../dialogue.ts";
import { SILENCE_SECONDS } from "../thresholds.ts";

const CAUSE = "data-tls-handshake-failed";

/** A session under TLS in which the data connection to 50002 is open and LIST was sent. */
function opened(options: ConstructorParameters<typeof Dialogue>[0] = {}) {
  const ftp = new Dialogue(options).secureLogin();
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
  const data = ftp.dial(50002);
  ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
  return { ftp, data };
}

test("a fatal alert, from either end, with its name", () => {
  for (const [side, description, name] of [
    ["client", 48, "unknown_ca"],
    ["server", 70, "protocol_version"],
    ["client", 42, "bad_certificate"],
  ] as const) {
    const { ftp, data } = opened();
    data.tls({ version: "1.2" }, side === "client" ? 2 : 1);
    const alert = data.alert(side, 2, description);
    data.finish(side);
    ftp.quitSealed();
    shows(ftp.channel(), {
      outcome: "failed",
      cause: CAUSE,
      confidence: "certain",
      evidence: [alert],
      says: new RegExp(`fatal alert ${name} \\(${description}\\) from the ${side}`),
    });
  }
});

test("silent: Java pads by 16 bytes what it seals under TLS 1.3", () => {
  for (const [side, length] of [
    ["server", 535],
    ["client", 8000],
    // Nothing but goodbyes: an empty file.
    ["server", 0],
    ["client", 0],
  ] as const) {
    const { ftp, data } = opened();
    const [hello, flight, , tickets] = tlsFlights();
    data.client(hello.bytes);
    data.server(flight.bytes);
    data.client(TLS12_RECORDS.changeCipherSpec);
    data.client(applicationRecord(69 + 16));
    data.server(tickets.bytes);
    if (length > 0) data[side](applicationRecord(length));
    data[side](applicationRecord(side === "client" ? 19 + 16 : 19));
    data.fin(side);
    const other = side === "client" ? "server" : "client";
    data[other](applicationRecord(other === "client" ? 19 + 16 : 19));
    data.fin(other);
    data.ack(side);
    ftp.control.sealed("server", "226 Transfer complete.\r\n");
    ftp.quitSealed();
    judges(ftp.channel(), "ok");
  }
});

test("curl 7.88 in active mode never begins TLS: the server's alert after 20 s, and 425", () => {
  const ftp = new Dialogue({ vantage: "server" }).secureLogin().clearAgain();
  ftp.active(51002);
  ftp.ask("LIST", "150 Here comes the directory listing.");
  const data = ftp.dialBack(51002);
  ftp.pause(20);
  const alert = data.alert("server", 2, 50);
  data.finish("server");
  const failed = ftp.control.server("425 Unable to build data connection: Operation not permitted\r\n");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [alert, failed],
    says: /decode_error.*the client never began TLS/,
    remedy: /^The client has to begin TLS on the data connection, in active mode too/,
  });
});

test("a close after the server's hello, and who closed", () => {
  const { ftp, data } = opened();
  const flights = data.tls({}, 2);
  const [fin] = data.finish("client");
  ftp.quitSealed();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [flights[1]],
    says: new RegExp(`stops after the server's hello; FIN from the client in packet ${fin}`),
  });
});

test("silence before the handshake ends, from which packet on, and for how long", () => {
  const silent = (seconds: number, flights: 1 | 2, vantage: "client" | "server") => {
    const { ftp, data } = opened({ vantage });
    const last = data.tls({ resumption: "psk" }, flights).at(-1)!;
    data.ack(flights === 1 ? "server" : "client");
    const lastOfAll = ftp.net.last;
    ftp.pause(seconds).quitSealed();
    return { channel: ftp.channel(), last, lastOfAll };
  };
  for (const [flights, vantage, alternatives] of [
    [1, "client", ["mtu-blackhole"]],
    // The server itself is seen to say nothing.
    [1, "server", []],
    [2, "client", ["mtu-blackhole"]],
    [2, "server", ["mtu-blackhole"]],
  ] as const) {
    const { channel, last, lastOfAll } = silent(SILENCE_SECONDS + 1, flights, vantage);
    const stop =
      flights === 1 ? "a ClientHello that is never answered" : "the handshake stops after the server's hello";
    shows(channel, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [last],
      says: new RegExp(
        `${stop}; nothing more comes after packet ${lastOfAll}, for 6\\.0 s at least, and nobody closes`,
      ),
      alternatives,
    });
    const [other] = channel.alternatives;
    if (other) assert.match(other.missing, vantage === "client" ? /capture at the server/ : /capture at the client/);
  }
  judges(silent(SILENCE_SECONDS - 1, 1, "client").channel, "undetermined");
});

test("silent: words of the control connection are missing since the last packet of the handshake, and so may be its end", () => {
  const blind = (goesOn: boolean) => {
    const { ftp, data } = opened();
    data.tls({ resumption: "psk" }, 1);
    data.ack("server");
    ftp.control.skip("server", 48);
    ftp.pause(SILENCE_SECONDS + 1);
    if (goesOn) ftp.quitSealed();
    else ftp.control.finish("server");
    return ftp.channel();
  };
  for (const channel of [blind(true), blind(false)]) {
    judges(channel, "undetermined");
    assert.deepEqual(channel.limits, ["control-gap"]);
  }
});

test("cleartext where TLS is due: 226 or not", () => {
  const ftp = new Dialogue().secureLogin().clearAgain();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("LIST", "150 Here comes the directory listing.");
  data.tls({}, 1);
  const listing = data.server("-rw-r--r--    1 0        0            1234 Jan 01 00:00 file\r\n");
  data.finish("server");
  const said = ftp.control.server("226 Directory send OK.\r\n");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [listing, said],
    says: /the client begins TLS on the data connection, the server sends cleartext/,
  });
});

test("the reverse: the client sends cleartext to a server that wants TLS", () => {
  const ftp = new Dialogue().secureLogin().clearAgain();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("STOR upload", "150 Ok to send data.");
  data.client("plain text");
  const alert = data.alert("server", 2, 10);
  data.finish("server");
  const failed = ftp.control.server("522 SSL connection failed\r\n");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [alert, failed],
    says: /unexpected_message.*the client never began TLS/,
    remedy: /^Compare what both ends expect: PROT level/,
  });
});

test("the server says so: with the connection in the capture, and without", () => {
  const seen = new Dialogue({ software: "pyftpdlib" }).secureLogin().clearAgain();
  seen.passive(50002);
  const data = seen.dial(50002);
  seen.ask("LIST", "125 Data connection already open. Transfer starting.");
  data.finish("server");
  const failed = seen.control.server("522 SSL handshake failed.\r\n");
  seen.quit();
  shows(seen.channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [data.handshake.syn, failed],
  });

  const unseen = new Dialogue().secureLogin().clearAgain();
  unseen.passive(50002);
  const list = unseen.ask("LIST", "150 Here it comes.", "435 Failed TLS negotiation on data channel, disconnected");
  unseen.quit();
  shows(unseen.channel(), { outcome: "failed", cause: CAUSE, confidence: "likely", evidence: [list.reply] });
});

test("silent: a large certificate flight that is never acknowledged is the MTU", () => {
  const { ftp, data } = opened({ vantage: "server" });
  const [hello] = data.tls({ certificateLength: 4000 }, 2);
  data.retransmit(hello + 1, { times: 5 });
  ftp.pause(5).quitSealed();
  judges(ftp.channel(), "failed", "mtu-blackhole");
});

test("silent: a ClientHello that is repeated in vain is the path's", () => {
  const { ftp, data } = opened();
  data.tls({}, 1);
  data.retransmit("client", { times: 5 });
  ftp.pause(5).quitSealed();
  judges(ftp.channel(), "failed", "data-stalled");
});

test("silent: under TLS the server may have said 550 and closed, before it read the ClientHello", () => {
  const { ftp, data } = opened();
  data.tls({}, 1);
  data.fin("server");
  data.fin("client");
  data.ack("server");
  ftp.quitSealed();
  judges(ftp.channel(), "undetermined");
});

test("silent: the client leaves before the server's hello has come (lftp, stopped), but not after a long wait for it", () => {
  for (const seconds of [0.1, SILENCE_SECONDS + 1]) {
    const { ftp, data } = opened();
    data.tls({}, 1);
    ftp.pause(seconds);
    data.fin("client");
    ftp.control.fin("client");
    data.ack("server");
    const [, flight] = tlsFlights();
    data.server(flight.bytes);
    data.reset("client");
    data.fin("server");
    ftp.control.finish("server");
    if (seconds < SILENCE_SECONDS) judges(ftp.channel(), "undetermined");
    else judges(ftp.channel(), "failed", CAUSE);
  }
});

test("after CCC: the client rejects the certificate, resets and goes on to something else", () => {
  const ftp = new Dialogue({ software: "proftpd" }).secureLogin().clearAgain();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("LIST", "150 Opening ASCII mode data connection for file list");
  data.tls({}, 2);
  data.alert("client", 2, 48);
  data.reset("client");
  ftp.control.server("425 Unable to build data connection: Operation not permitted\r\n");
  ftp.ask("PWD", '257 "/" is the current directory');
  judges(ftp.quit().channel(), "failed", CAUSE);
});

test("silent: the server's alert answers a client that closed before it had said a word (lftp's pget, vsftpd); not one that waits", () => {
  for (const closesAfter of [0.1, SILENCE_SECONDS + 1, Number.POSITIVE_INFINITY]) {
    const { ftp, data } = opened();
    if (closesAfter < Number.POSITIVE_INFINITY) {
      ftp.pause(closesAfter);
      data.fin("client");
    }
    data.alert("server", 2, 50);
    data.fin("server");
    data.reset("client");
    ftp.quitSealed();
    if (closesAfter < SILENCE_SECONDS) judges(ftp.channel(), "undetermined");
    else judges(ftp.channel(), "failed", CAUSE);
  }
});

test("silent: either end resets the data connection in its handshake once the client has left (pyftpdlib, lftp's pget)", () => {
  for (const side of ["server", "client"] as const)
    for (const left of [true, false]) {
      const { ftp, data } = opened();
      data.tls({}, 2);
      if (left) ftp.control.fin("client");
      data.ack(otherSide(side));
      data.reset(side);
      if (!left) ftp.quitSealed();
      if (left) judges(ftp.channel(), "undetermined");
      else judges(ftp.channel(), "failed", CAUSE);
    }
});

test("silent: a handshake that ends, a warning alert, TLS uploads, cleartext under PROT C", () => {
  const { ftp, data } = opened();
  tlsListing(data, 600, { version: "1.2" });
  ftp.control.sealed("server", "226 Directory send OK.\r\n");
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50003|)"]);
  const upload = ftp.dial(50003);
  ftp.askSealed("STOR upload", ["150 Ok to send data."]);
  upload.tls({ resumption: "psk" });
  upload.sealed("client", 900);
  upload.closeNotify("client");
  upload.fin("client");
  upload.fin("server");
  upload.ack("client");
  ftp.control.sealed("server", "226 Transfer complete.\r\n");
  ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50004|)"]);
  const clear = ftp.dial(50004);
  ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
  clear.serverData(400);
  clear.finish("server");
  ftp.control.sealed("server", "226 Directory send OK.\r\n");
  ftp.quitSealed();
  for (const channel of ftp.channels()) judges(channel, "ok");
});

test("silent: a device between cuts the handshake off by a RST in the server's name", () => {
  const ftp = new Dialogue().secureLogin().clearAgain();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("LIST", "150 Here comes the directory listing.");
  data.tls({}, 1);
  data.reset("server", FORGED);
  ftp.control.server("426 Failure.\r\n");
  judges(ftp.channel(), "failed", "data-connection-reset");
});

test("silent: the certificate flight is repeated in vain, and so is what the server says: the path is gone, whoever resets then", () => {
  const ftp = new Dialogue({ vantage: "server" }).secureLogin("1.2").clearAgain();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("LIST", "150 Here comes the directory listing.");
  data.tls({ version: "1.2" }, 2);
  data.retransmit("server", { times: 6 });
  ftp.control.retransmit("server", { times: 6 });
  data.reset("server");
  judges(ftp.channel(), "failed", "data-stalled");
});

test("silent: the end of the handshake is in a hole, and whoever acknowledged it may be in another", () => {
  const { ftp, data } = opened();
  const flights = data.tls({ version: "1.2" });
  data.closeNotify("server", "1.2");
  data.fin("server");
  data.reset("server");
  ftp.net.drop(flights.at(-1)!);
  const channel = ftp.channel();
  judges(channel, "undetermined");
  assert.deepEqual(channel.limits, ["data-gap"]);
});

test("silent: the server gives a reason of its own, and the end of the handshake is not in the capture", () => {
  const ftp = new Dialogue().secureLogin().clearAgain();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("LIST", "150 Here comes the directory listing.");
  const flights = data.tls({ version: "1.2" });
  data.serverData(400);
  data.finish("server");
  ftp.control.server("426 Failure writing network stream.\r\n");
  ftp.quit();
  ftp.net.drop(flights.at(-1)!);
  judges(ftp.channel(), "undetermined");
});

test("what the server says needs no connection; that nothing was said on it needs a capture that has all of it", () => {
  const ftp = new Dialogue({ software: "pyftpdlib" }).secureLogin().clearAgain();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("LIST", "125 Data connection already open. Transfer starting.");
  const lost = data.client("Hello?");
  data.finish("server");
  const failed = ftp.control.server("522 SSL handshake failed.\r\n");
  ftp.quit();
  ftp.net.drop(lost); // the numbers behind it move up
  shows(ftp.channel(), { outcome: "failed", cause: CAUSE, confidence: "likely", evidence: [failed - 1] });
});

test("what is said of a connection on which the client sends in the clear", () => {
  const ftp = new Dialogue({ software: "proftpd" }).secureLogin().clearAgain();
  ftp.passive(50002);
  const data = ftp.dial(50002);
  ftp.ask("STOR a", "150 Opening BINARY mode data connection for a");
  data.clientData(9000);
  data.finish("client");
  const failed = ftp.control.server("425 Unable to build data connection: Operation not permitted\r\n");
  shows(ftp.quit().channel(), {
    outcome: "failed",
    cause: CAUSE,
    confidence: "certain",
    evidence: [data.handshake.syn, failed],
    says: /is established; what follows is no TLS \(9000 bytes\)/,
  });
});
