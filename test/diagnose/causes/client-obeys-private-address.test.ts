import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue } from "../dialogue.ts";

/** Contributing, never alone: other clients would have dialled the control server instead. */

test("the SYN goes to the private address", () => {
  const ftp = new Dialogue().login();
  ftp.passive(50002, "10.0.0.5");
  ftp.net.synUnanswered(ftp.ends(50002, { address: "10.0.0.5" }));
  ftp.quit();
  const channel = ftp.channel();
  assert.equal(channel.cause, "pasv-private-address");
  assert.ok(channel.contributing.includes("client-obeys-private-address"));
});

test("silent: no SYN is seen, or it goes to the control server", () => {
  const unseen = new Dialogue().login();
  unseen.passive(50002, "10.0.0.5");
  unseen.pause(10).quit();
  assert.equal(unseen.channel().cause, "pasv-private-address");
  assert.ok(!unseen.channel().contributing.includes("client-obeys-private-address"));

  const ignores = new Dialogue().login();
  ignores.passive(50002, "10.0.0.5");
  ignores.net.synUnanswered(ignores.ends(50002));
  ignores.quit();
  assert.equal(ignores.channel().cause, "data-port-filtered");
  assert.deepEqual(ignores.channel().contributing, []);
});
