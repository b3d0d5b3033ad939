import assert from "node:assert/strict";
import { test } from "node:test";
import { analyzeCapture } from "../../src/analyze.ts";
import { LATE_SEGMENTS } from "../../src/tcp/reassembler.ts";
import { Dialogue } from "../diagnose/dialogue.ts";
import { CaptureBuilder, type Connection } from "../support/capture-builder.ts";

test("of two negotiations of one port a connection is of the one granted before it, also where that one's address is not the server's", () => {
  // Seen at the server behind a NAT: PASV names the public address. EPSV on the same port follows within milliseconds.
  const ftp = new Dialogue({ vantage: "server", path: { rttMs: 0.4 } }).login();
  for (let round = 0; round < 3; round++) {
    ftp.ask("PASV", "227 Entering Passive Mode (198,51,100,200,195,80).");
    const first = ftp.dial(50000, { rttMs: 0.4 });
    ftp.ask("MLSD", "500 Unknown command.");
    first.finish("client");
    ftp.ask("EPSV", "229 Entering Extended Passive Mode (|||50000|)");
    const second = ftp.dial(50000, { rttMs: 0.4 });
    ftp.ask("LIST", "150 here it comes");
    second.data("server", 300);
    second.finish("server");
    ftp.control.server("226 done\r\n");
  }
  ftp.quit();
  const channels = ftp.channels();
  assert.equal(channels.length, 6);
  for (const { connection, negotiation } of channels) {
    assert.ok(connection && negotiation?.replyPacket);
    assert.ok(connection.firstPacket > negotiation.replyPacket);
  }
  const bytes = channels.map(({ connection }) => connection?.bytesFromResponder);
  assert.deepEqual(bytes, [0, 300, 0, 300, 0, 300]);
});

/** What comes of a port that sessions of one client negotiate one after another, within milliseconds. @param works for each grant, by client port, whether its SYN is answered */
function grantedAgain(works: readonly (readonly [clientPort: number, works: boolean])[]) {
  const net = new CaptureBuilder();
  const path = { rttMs: 0.2 };
  const controls = new Map<number, Connection>();
  const syns: number[] = [];
  works.forEach(([port, accepted], turn) => {
    let control = controls.get(port);
    if (!control) {
      control = net.connect({ client: `192.0.2.10:${port}`, server: "203.0.113.5:21", ...path });
      controls.set(port, control);
      control.server("220 (vsFTPd 3.0.3)\r\n");
    }
    control.client("PASV\r\n");
    control.server("227 Entering Passive Mode (203,0,113,5,195,80).\r\n");
    const ends = { client: `192.0.2.10:${46_000 + turn}`, server: "203.0.113.5:50000", ...path };
    if (accepted) {
      const data = net.connect(ends);
      syns.push(data.handshake.syn);
      control.client("RETR a\r\n");
      control.server("150 here it comes\r\n");
      data.data("server", 300);
      data.finish("server");
      control.server("226 done\r\n");
    } else syns.push(net.synRefused(ends).syn);
  });
  for (const control of controls.values()) control.finish("client");
  const { sessions } = analyzeCapture(net.build());
  const channels = sessions.flatMap(({ dataChannels }) => dataChannels);
  channels.sort((a, b) => a.negotiation!.commandPacket! - b.negotiation!.commandPacket!);
  assert.deepEqual(
    channels.map(({ connection }) => connection?.firstPacket),
    syns,
  );
  return channels.map(({ outcome }) => outcome);
}

test("a port that is granted again at once has a connection of its own: in the next session, and among sessions side by side", () => {
  const [A, B, C] = [40_000, 40_002, 40_004];
  const inTurn = [
    [A, true],
    [B, true],
    [C, false],
  ] as const;
  assert.deepEqual(grantedAgain(inTurn), ["ok", "ok", "failed"]);
  const sideBySide = [
    [A, true],
    [A, true],
    [B, true],
    [A, false],
    [B, false],
  ] as const;
  assert.deepEqual(grantedAgain(sideBySide), ["ok", "ok", "ok", "failed", "failed"]);
});

test("so it has where the connection before it is still open", () => {
  const net = new CaptureBuilder();
  const path = { rttMs: 0.2 };
  const granted = [40_000, 40_002].map((port, turn) => {
    const control = net.connect({ client: `192.0.2.10:${port}`, server: "203.0.113.5:21", ...path });
    control.server("220 (vsFTPd 3.0.3)\r\n");
    control.client("PASV\r\n");
    control.server("227 Entering Passive Mode (203,0,113,5,195,80).\r\n");
    const ends = { client: `192.0.2.10:${46_000 + turn}`, server: "203.0.113.5:50000", ...path };
    return turn === 0 ? net.connect(ends).handshake.syn : net.synRefused(ends).syn;
  });
  const { sessions } = analyzeCapture(net.build());
  assert.deepEqual(
    sessions.flatMap(({ dataChannels }) => dataChannels.map(({ connection }) => connection?.firstPacket)),
    granted,
  );
});

test("a further connection to a granted port does not make its first one free for who is granted the port next", () => {
  const net = new CaptureBuilder();
  const path = { rttMs: 0.2 };
  const [first, second] = [40_000, 40_002].map((port) => {
    const control = net.connect({ client: `192.0.2.10:${port}`, server: "203.0.113.5:21", ...path });
    control.server("220 (vsFTPd 3.0.3)\r\n");
    return control;
  });
  const pasv = (control: typeof first) => {
    control.client("PASV\r\n");
    control.server("227 Entering Passive Mode (203,0,113,5,195,80).\r\n");
  };
  const ends = (port: number) => ({ client: `192.0.2.10:${port}`, server: "203.0.113.5:50000", ...path });
  pasv(first);
  const own = net.connect(ends(46_000)).handshake.syn;
  net.synRefused(ends(46_001));
  pasv(second);
  const next = net.connect(ends(46_002)).handshake.syn;
  const { sessions } = analyzeCapture(net.build());
  assert.deepEqual(
    sessions.flatMap(({ dataChannels }) => dataChannels.map(({ connection }) => connection?.firstPacket)),
    [own, next],
  );
});

test("a connection is of the session that negotiated its port, and of no other, also where that is read late behind a hole", () => {
  const net = new CaptureBuilder();
  const path = { rttMs: 0.2 };
  const [first, second] = [40_000, 40_002].map((port) => {
    const control = net.connect({ client: `192.0.2.10:${port}`, server: "203.0.113.5:21", ...path });
    control.server("220 (vsFTPd 3.0.3)\r\n");
    return control;
  });
  const granted = "227 Entering Passive Mode (203,0,113,5,195,80).\r\n";
  const open = (port: number) => {
    const data = net.connect({ client: `192.0.2.10:${port}`, server: "203.0.113.5:50000", ...path });
    data.serverData(400);
    data.finish("server");
    return data.handshake.syn;
  };
  first.client("NOOP\r\n");
  const lost = first.server("200 NOOP ok.\r\n");
  first.client("PASV\r\n");
  first.server(granted);
  second.client("NOOP\r\n");
  second.server("200 NOOP ok.\r\n");
  const own = open(46_000);
  // Until so much more has come by the capture may still hold what is missing.
  for (let i = 0; i <= LATE_SEGMENTS; i++) first.ack("client");
  second.client("PASV\r\n");
  second.server(granted);
  const next = open(46_002);
  net.drop(lost);
  const { sessions } = analyzeCapture(net.build());
  assert.deepEqual(
    sessions.flatMap(({ dataChannels }) => dataChannels.map(({ connection }) => connection?.firstPacket)),
    [own - 1, next - 1],
  );
});
