import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT6, Dialogue, judges, SERVER6, shows } from "../dialogue.ts";

const CAUSE = "epsv-refused";

test("EPSV turned down, and PASV works: refused, then ok", () => {
  for (const reply of [
    "500 Unknown command.",
    "502 Command blacklisted: EPSV", // ftp-srv
    "501 EPSV: Operation not permitted", // ProFTPD
    "550 Permission denied.", // vsftpd
    "425 Cannot open data connection.",
  ]) {
    const ftp = new Dialogue().login();
    const epsv = ftp.ask("EPSV", reply);
    ftp.passive(50000);
    ftp.list(ftp.dial(50000));
    ftp.quit();
    const [refused, used] = ftp.channels();
    shows(refused, {
      outcome: "refused",
      cause: CAUSE,
      confidence: "certain",
      evidence: [epsv.reply],
      says: new RegExp(reply.replace(/[().]/g, ".")),
    });
    judges(used, "ok");
  }
});

test("522 on the wrong family, and after CCC", () => {
  const ftp = new Dialogue({ client: CLIENT6, server: SERVER6, software: "proftpd" }).secureLogin().clearAgain();
  const epsv = ftp.ask("EPSV 1", "522 Network protocol not supported, use (2)");
  ftp.quit();
  const remedy = /^Let the client ask for EPSV without a family/;
  shows(ftp.channel(), { outcome: "refused", cause: CAUSE, confidence: "certain", evidence: [epsv.reply], remedy });
});

test("over IPv6 no PASV takes its place: the remedy is not to switch EPSV off", () => {
  const refused = (reply: string) => {
    const ftp = new Dialogue({ client: CLIENT6, server: SERVER6 }).login();
    ftp.ask("EPSV", reply);
    ftp.quit();
    return ftp.channel().remedy;
  };
  assert.match(refused("550 Permission denied.")[0], /^Enable EPSV .* over IPv6 PASV cannot take its place/);
  assert.match(refused("550 Permission denied.")[1], /vsftpd: pasv_enable=YES/);
});

test("silent: the refusal speaks of ports, or earlier ones worked", () => {
  const ftp = new Dialogue({ software: "pure-ftpd" }).login();
  ftp.ask("EPSV", "425 All reserved TCP ports are busy");
  ftp.quit();
  judges(ftp.channel(), "refused", "passive-ports-exhausted");
});

test("silent: EPSV ALL negotiates nothing, and EPSV granted and left for PASV is no refusal", () => {
  const ftp = new Dialogue().login();
  ftp.ask("EPSV ALL", "200 EPSV ALL ok.");
  ftp.extended(50000);
  ftp.list(ftp.dial(50000));
  ftp.extended(50001);
  ftp.passive(50002);
  ftp.list(ftp.dial(50002));
  ftp.quit();
  const [used, unused, fallback] = ftp.channels();
  judges(used, "ok");
  judges(unused, "not-attempted");
  judges(fallback, "ok");
});

test("PASV is refused too: nothing is gained by switching EPSV off", () => {
  for (const [reply, remedy] of [
    ["550 Permission denied.", /^The server refuses PASV too: enable passive mode on it/],
    ["425 Cannot open passive connection.", /^Switch EPSV off in the client/],
  ] as const) {
    const ftp = new Dialogue().login();
    const epsv = ftp.ask("EPSV", "550 Permission denied.");
    ftp.ask("PASV", reply);
    ftp.quit();
    const [refused] = ftp.channels();
    shows(refused, { outcome: "refused", cause: CAUSE, confidence: "certain", evidence: [epsv.reply], remedy });
  }
});
