import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../../src/analyze.ts";
import { UNPRIVILEGED_PORT } from "../../../src/ports.ts";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { CLIENT, CLIENT6, Dialogue, judges, OTHER, SERVER, SERVER6, shows } from "../dialogue.ts";

const CAUSE = "port-refused";

test("the mode is disabled", () => {
  for (const reply of [
    "550 Permission denied.", // vsftpd
    "501 Active mode is disabled", // Pure-FTPd
    "500 Unable to service PORT commands", // ProFTPD
    "502 Command not implemented.",
  ]) {
    const ftp = new Dialogue().login();
    const port = ftp.active(51002, undefined, reply);
    ftp.quit();
    shows(ftp.channel(), { outcome: "refused", cause: CAUSE, confidence: "certain", evidence: [port.reply] });
  }
});

test("a third party's address (FTP bounce), and a port below 1024", () => {
  const bounce = new Dialogue({ software: "proftpd" }).login();
  const third = bounce.active(51002, OTHER, "500 Illegal PORT command");
  bounce.quit();
  shows(bounce.channel(), {
    outcome: "refused",
    cause: CAUSE,
    confidence: "certain",
    evidence: [third.command, third.reply],
    says: /PORT names 198\.51\.100\.77:51002, not the control connection's client 192\.0\.2\.10/,
  });
  // Active mode as such is on: to allow it, or ports below 1024, would not help.
  assert.deepEqual(bounce.channel().remedy.slice(2), [
    "Setting: ProFTPD: AllowForeignAddress on (ProFTPD mod_core, AllowForeignAddress).",
  ]);
  const low = new Dialogue({ software: "pyftpdlib" }).login();
  const privileged = low.active(UNPRIVILEGED_PORT - 1, undefined, "501 PORT against the privileged port refused.");
  low.quit();
  shows(low.channel(), {
    outcome: "refused",
    cause: CAUSE,
    confidence: "certain",
    evidence: [privileged.command, privileged.reply],
    says: /below 1024/,
  });
  assert.deepEqual(low.channel().remedy.slice(1), ["Correct the client: it must name a port above 1023."]);
  const off = new Dialogue().login();
  off.active(51002, OTHER, "550 Permission denied.");
  off.quit();
  assert.match(off.channel().remedy[2], /vsftpd: port_enable=YES/);
});

test("port 1024 is no longer low", () => {
  const ftp = new Dialogue().login();
  const port = ftp.active(UNPRIVILEGED_PORT, undefined, "500 Illegal PORT command.");
  ftp.quit();
  shows(ftp.channel(), { outcome: "refused", cause: CAUSE, confidence: "certain", evidence: [port.reply] });
});

test("522: the wrong family, which is said and not called policy", () => {
  const ftp = new Dialogue({ client: CLIENT6, server: SERVER6 }).login();
  const eprt = ftp.extendedActive(51002, undefined, "522 Network protocol not supported, use (1)");
  ftp.quit();
  shows(ftp.channel(), {
    outcome: "refused",
    cause: CAUSE,
    confidence: "certain",
    evidence: [eprt.command, eprt.reply],
    says: /family that the server does not take/,
  });
  // Active mode is on: nothing is to be allowed at the server.
  assert.match(ftp.channel().remedy[1], /address of a family that the reply names/);
  assert.equal(ftp.channel().remedy.length, 2);
});

test("501 to a PORT that is right and whose refusal says nothing: likely", () => {
  const ftp = new Dialogue({ software: "proftpd" }).login();
  const port = ftp.active(51002, undefined, "501 Illegal PORT command");
  ftp.quit();
  shows(ftp.channel(), { outcome: "refused", cause: CAUSE, confidence: "likely", evidence: [port.reply] });
});

test("silent: a syntax error is the client's", () => {
  const ftp = new Dialogue({ software: "proftpd" }).login();
  ftp.ask("PORT 192,0,2,10,199", "501 Illegal PORT command");
  ftp.quit();
  judges(ftp.channel(), "refused");
});

test("silent: a command that the server does not know", () => {
  const asked = (command: string, reply: string) => {
    const ftp = new Dialogue().login();
    ftp.ask(command, reply);
    return ftp.quit().channel();
  };
  const eprt = "EPRT |1|192.0.2.10|51002|";
  const lprt = "LPRT 4,4,192,0,2,10,2,199,58";
  judges(asked(lprt, "502 Command not allowed: LPRT"), "refused"); // ftp-srv
  judges(asked(lprt, "500 'LPRT': command not understood."), "refused");
  judges(asked(eprt, "500 Unknown command."), "refused");
  // What it knows, and PORT, which every server knows.
  judges(asked(lprt, "521 Supported address families are (6)"), "refused", CAUSE);
  judges(asked(eprt, "500 Illegal EPRT command."), "refused", CAUSE);
  judges(asked("PORT 192,0,2,10,199,58", "500 Unknown command."), "refused", CAUSE);
  // The client had promised to send no other than EPSV.
  const promised = new Dialogue().login();
  promised.ask("EPSV ALL", "200 EPSV ALL ok.");
  promised.ask(eprt, "502 Command not implemented.");
  judges(promised.quit().channel(), "refused", CAUSE);
});

test("silent: pyftpdlib's 425 to PORT reports an attempt that failed", () => {
  const ftp = new Dialogue({ vantage: "server", software: "pyftpdlib" }).login();
  ftp.ask("PORT 192,0,2,10,199,58");
  ftp.net.synUnanswered(ftp.ends(51002, {}, "server"));
  ftp.pause(1).control.server("425 Can't connect to specified address.\r\n");
  ftp.quit();
  judges(ftp.channel(), "failed", "active-inbound-blocked");
});

test("silent: FXP that the server allows", () => {
  const ftp = new Dialogue({ vantage: "server" }).login();
  ftp.active(51002, OTHER);
  ftp.list(ftp.dialBack(51002, { address: OTHER }));
  ftp.quit();
  judges(ftp.channel(), "ok");
});

test("silent: the capture of the client's direction begins late, and what it lacks was refused", () => {
  const ftp = new Dialogue();
  ftp.control.server(`${ftp.texts.greeting}\r\n`);
  ftp.ask("AUTH TLS", "500 AUTH not understood");
  ftp.ask("USER alice", ftp.texts.password);
  ftp.ask("PASS secret", ftp.texts.welcome);
  const before = ftp.net.last;
  ftp.ask("SYST", "215 UNIX Type: L8");
  ftp.active(50002);
  ftp.list(ftp.dialBack(50002));
  ftp.quit();
  ftp.net.edit((packets) =>
    packets
      .filter(({ outgoing }, at) => !outgoing || at >= before)
      .map((packet) => ({ ...packet, time: packet.time + (packet.outgoing ? 0n : 200_000_000n) }))
      .sort((a, b) => Number(a.time - b.time)),
  );
  judges(ftp.channel(), "ok");
});

/** Two servers and a client that hands the first one's PASV on to the second, which refuses the PORT unless it says something else. */
function refusedHandOn(reply = "500 Illegal PORT command.") {
  const net = new CaptureBuilder();
  net.connect({ client: "192.0.2.11:40100", server: "203.0.113.9:443" }).finish("client");
  const [granting, refusing] = [SERVER, OTHER].map((server, i) => {
    const control = net.connect({ client: `${CLIENT}:${40_000 + i}`, server: `${server}:21` });
    control.server("220 ready\r\n");
    return control;
  });
  granting.client("PASV\r\n");
  granting.server("227 Entering Passive Mode (203,0,113,5,195,81).\r\n");
  const told = refusing.client("PORT 203,0,113,5,195,81\r\n");
  const refused = refusing.server(`${reply}\r\n`);
  const channels = () => {
    const { sessions } = analyzeCapture(net.build());
    return [SERVER, OTHER].flatMap((server) => {
      const session = sessions.find(({ control }) => control.server.address === server && control.server.port === 21);
      return session?.dataChannels ?? [];
    });
  };
  return { net, granting, refusing, told, refused, channels };
}

test("FXP that the other server refuses: its session says so, and the passive side is not accused", () => {
  for (const first of ["granting", "refusing"] as const) {
    const fxp = refusedHandOn();
    // Either session may be over, and settled, long before the other.
    fxp[first].finish("client");
    fxp.net.wait(30_000);
    fxp[first === "granting" ? "refusing" : "granting"].finish("client");
    const [granted, refused] = fxp.channels();
    judges(granted, "not-attempted");
    shows(refused, { outcome: "refused", cause: CAUSE, confidence: "certain", evidence: [fxp.told, fxp.refused] });
  }
});

test("FXP that the other server refuses, and the client asks for the transfer all the same: the refusal is to blame", () => {
  const fxp = refusedHandOn();
  fxp.granting.client("STOR data.bin\r\n");
  fxp.net.wait(60_000);
  const failed = fxp.granting.server("425 Failed to establish connection.\r\n");
  for (const control of [fxp.granting, fxp.refusing]) control.finish("client");
  const [granted, refused] = fxp.channels();
  shows(granted, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [fxp.told, fxp.refused, failed],
    says: /198\.51\.100\.77 refuses: reply "500 Illegal PORT command\."/,
    remedy: /^The other server takes no PORT that names this one \(FXP\)/,
  });
  judges(refused, "refused", CAUSE);
});

test("FXP that is refused in one form and accepted in the other, or that the server dialled in vain: whoever does not dial is asked for", () => {
  const told = (reply?: string, again?: string) => {
    const fxp = refusedHandOn(reply);
    if (again) {
      fxp.refusing.client("EPRT |1|203.0.113.5|50001|\r\n");
      fxp.refusing.server(`${again}\r\n`);
    }
    fxp.granting.client("STOR data.bin\r\n");
    fxp.refusing.client("RETR data.bin\r\n");
    fxp.net.wait(60_000);
    for (const control of [fxp.granting, fxp.refusing]) control.server("425 Failed to establish connection.\r\n");
    for (const control of [fxp.granting, fxp.refusing]) control.finish("client");
    return fxp.channels()[0];
  };
  judges(told("500 Illegal PORT command.", "200 EPRT command successful."), "failed", "syn-not-seen");
  judges(told("200 PORT command successful.", "500 Illegal EPRT command."), "failed", "syn-not-seen");
  judges(told("425 Can't connect to specified address."), "failed", "syn-not-seen"); // pyftpdlib dials before it answers
});

test("FXP whose dialling server says why it did not dial, or that the transfer worked: the passive side is not accused", () => {
  for (const said of ["500 OOPS: vsf_sysutil_bind", "550 Failed to open file.", "226 File successfully transferred"]) {
    const fxp = refusedHandOn();
    fxp.refusing.client("PORT 203,0,113,5,195,81\r\n");
    fxp.refusing.server("200 PORT command successful.\r\n");
    fxp.granting.client("STOR data.bin\r\n");
    fxp.refusing.client("RETR data.bin\r\n");
    fxp.refusing.server(`${said}\r\n`);
    for (const control of [fxp.granting, fxp.refusing]) control.finish("client");
    judges(fxp.channels()[0], "undetermined");
  }
});

test("FXP: nobody dials before a transfer is asked for, nor for a server that ends the session; and where the client dials itself, that counts", () => {
  const idle = refusedHandOn("200 PORT command successful.");
  idle.net.wait(30_000);
  for (const control of [idle.granting, idle.refusing]) control.finish("client");
  judges(idle.channels()[0], "not-attempted");

  const asked = (reply: string | undefined, dial: boolean) => {
    const fxp = refusedHandOn(reply);
    fxp.granting.client("STOR data.bin\r\n");
    if (dial) fxp.net.synRefused({ client: `${CLIENT}:41000`, server: `${SERVER}:50001` });
    fxp.net.wait(60_000);
    fxp.granting.server("425 Failed to establish connection.\r\n");
    for (const control of [fxp.granting, fxp.refusing]) control.finish("client");
    return fxp.channels()[0];
  };
  judges(asked("421 Service not available, closing control connection.", false), "undetermined");
  judges(asked(undefined, true), "failed", "data-port-rejected");
});
