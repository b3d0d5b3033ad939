import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue } from "../diagnose/dialogue.ts";

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
