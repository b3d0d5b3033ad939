import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue } from "../dialogue.ts";

/** Contributing, never alone: the negotiation could be read, and yet its address crossed a NAT as it was. */

function contributing(ftp: Dialogue, cause: string): readonly string[] {
  const channel = ftp.channel();
  assert.equal(channel.cause, cause);
  return channel.contributing;
}

test("a private address in clear beyond the NAT: in the 227 and in the PORT", () => {
  const pasv = new Dialogue({ port: 2121 }).login();
  pasv.passive(50002, "10.0.0.5");
  pasv.net.synUnanswered(pasv.ends(50002, { address: "10.0.0.5" }));
  pasv.quit();
  assert.deepEqual(contributing(pasv, "pasv-private-address"), ["helper-absent", "client-obeys-private-address"]);

  const port = new Dialogue({ vantage: "server" }).login();
  port.active(51002, "192.168.1.7", "500 Illegal PORT command.");
  port.quit();
  assert.deepEqual(contributing(port, "port-private-address"), ["helper-absent"]);
});

test("silent: the address has yet to cross the NAT, on the port that helpers know", () => {
  for (const [port, expected] of [
    [21, []],
    [2121, ["helper-absent"]],
  ] as const) {
    const ftp = new Dialogue({ vantage: "server", server: "10.0.0.5", port }).login();
    ftp.passive(50002);
    ftp.ask("LIST");
    ftp.pause(60).control.server("425 Failed to establish connection.\r\n");
    ftp.quit();
    assert.deepEqual(contributing(ftp, "pasv-private-address"), expected);
  }
  const client = new Dialogue({ client: "192.168.1.7" }).login();
  client.active(51002, "192.168.1.7", "500 Illegal PORT command.");
  client.quit();
  assert.deepEqual(contributing(client, "port-private-address"), []);
});

test("silent: the negotiation was encrypted, so no helper could have read it", () => {
  const ftp = new Dialogue().secureLogin();
  ftp.askSealed("PASV", ["227 Entering Passive Mode (10,0,0,5,195,82)."]);
  ftp.net.synUnanswered(ftp.ends(50002, { address: "10.0.0.5" }));
  ftp.quitSealed();
  assert.ok(!contributing(ftp, "pasv-private-address").includes("helper-absent"));
});
