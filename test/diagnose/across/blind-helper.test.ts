import assert from "node:assert/strict";
import { test } from "node:test";
import { CaptureBuilder } from "../../support/capture-builder.ts";
import { HELPER_CHANNELS } from "../thresholds.ts";
import { findingsOf, SERVER, session } from "./sessions.ts";

/** So many sessions in cleartext that work, and so many encrypted ones of which the first `admitted` work. */
function besideCleartext(clear: number, encrypted: number, admitted = 0) {
  const net = new CaptureBuilder();
  for (let i = 0; i < clear; i++) session(net, "203.0.113.9", 40000 + 10 * i, "works", 50000 + i);
  for (let i = 0; i < encrypted; i++) {
    const control = net.connect({ client: `203.0.113.9:${42000 + 10 * i}`, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("AUTH TLS\r\n");
    control.server("234 proceed\r\n");
    control.tls({ version: "1.3", resumption: "none" });
    for (const command of ["USER anonymous\r\n", "EPSV\r\n"]) {
      control.sealed("client", command, "1.3");
      control.sealed("server", "229 Entering Extended Passive Mode (|||50001|)\r\n", "1.3");
    }
    const ends = { client: `203.0.113.9:${42001 + 10 * i}`, server: `${SERVER}:${50010 + i}` };
    if (i < admitted) net.connect(ends).finish("server");
    else net.synUnanswered({ ...ends, retries: 3 });
    net.wait(2000);
    control.finish("client");
    net.wait(3000);
  }
  return findingsOf(net).find(({ id }) => id === "blind-helper");
}

test("a helper that cannot read TLS is told from cleartext sessions that work", () => {
  const finding = besideCleartext(HELPER_CHANNELS, HELPER_CHANNELS);
  assert.equal(finding?.sessionCount, HELPER_CHANNELS);
  assert.match(finding.title, /all \d+ passive data channels of encrypted sessions fail/);
  assert.match(finding.remedy[0], /^Open a fixed passive range/);
  assert.equal(besideCleartext(HELPER_CHANNELS - 1, HELPER_CHANNELS), undefined);
  assert.equal(besideCleartext(HELPER_CHANNELS, HELPER_CHANNELS - 1), undefined);
  assert.equal(besideCleartext(HELPER_CHANNELS, HELPER_CHANNELS + 1, 1), undefined, "one encrypted session works");
});

/** So many sessions of each kind: cleartext ones in this mode that work, and encrypted ones in active mode that the client's side refuses. */
function besideActive(clear: "active" | "passive", clearClient = "203.0.113.9") {
  const net = new CaptureBuilder({ vantage: "server" });
  for (let i = 0; i < HELPER_CHANNELS; i++) {
    const port = 40000 + 10 * i;
    if (clear === "passive") {
      session(net, clearClient, port, "works", 50000 + i);
      continue;
    }
    const control = net.connect({ client: `${clearClient}:${port}`, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("USER anonymous\r\n");
    control.server("230 logged in\r\n");
    control.client(`EPRT |1|${clearClient}|${port + 1}|\r\n`);
    control.server("200 EPRT command successful.\r\n");
    control.client("LIST\r\n");
    control.server("150 here it comes\r\n");
    const data = net.connect({
      client: `${clearClient}:${port + 1}`,
      server: `${SERVER}:20`,
      originator: "server",
    });
    data.serverData(400);
    data.finish("server");
    control.server("226 done\r\n");
    control.finish("client");
    net.wait(3000);
  }
  for (let i = 0; i < HELPER_CHANNELS; i++) {
    const control = net.connect({ client: `203.0.113.9:${42000 + 10 * i}`, server: `${SERVER}:21` });
    control.server("220 ready\r\n");
    control.client("AUTH TLS\r\n");
    control.server("234 proceed\r\n");
    control.tls({ version: "1.3", resumption: "none" });
    for (const command of ["USER anonymous\r\n", "EPRT |1|203.0.113.9|50001|\r\n", "LIST\r\n"]) {
      control.sealed("client", command, "1.3");
      control.sealed("server", "200 EPRT command successful.\r\n", "1.3");
    }
    net.synRefused({ client: `203.0.113.9:${50010 + i}`, server: `${SERVER}:${30000 + i}`, originator: "server" });
    control.sealed("server", "425 Unable to build data connection: Connection refused\r\n", "1.3");
    control.finish("client");
    net.wait(3000);
  }
  return findingsOf(net).find(({ id }) => id === "blind-helper");
}

test("a blind helper is told by channels of one mode, in active mode of one client", () => {
  const finding = besideActive("active");
  assert.match(finding?.title ?? "", /all \d+ active data channels of encrypted sessions fail/);
  assert.match(finding?.remedy[0] ?? "", /^Use passive mode/);
  assert.equal(besideActive("passive"), undefined, "the client dials there, through no NAT's helper");
  assert.equal(
    besideActive("active", "203.0.113.77"),
    undefined,
    "another client's network proves nothing of this one",
  );
});
