import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue, tlsListing } from "../dialogue.ts";

/** Contributing, never alone: the negotiation was encrypted, so that no helper could rewrite its address or open its port. */

const EPSV = "229 Entering Extended Passive Mode (|||50002|)";

test("stands beside each cause of a connection that a helper might have opened", () => {
  const passive = () => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", [EPSV]);
    return ftp;
  };
  const filtered = passive();
  filtered.net.synUnanswered(filtered.ends(50002));
  const rejected = passive();
  rejected.net.synRefused(rejected.ends(50002));
  const prohibited = passive();
  prohibited.net.synUnanswered({ ...prohibited.ends(50002), retries: 0 });
  prohibited.net.icmpError({ from: "198.51.100.1", type: 3, code: 13 });
  const foreign = passive();
  foreign.net.synUnanswered(foreign.ends(50002, { address: "10.0.0.5" }));
  const active = new Dialogue({ vantage: "server" }).secureLogin();
  active.askSealed("PORT 192,0,2,10,199,58", ["200 PORT command successful."]);
  active.askSealed("LIST", []);
  active.net.synUnanswered(active.ends(51002, {}, "server"));
  for (const [ftp, cause] of [
    [filtered, "data-port-filtered"],
    [rejected, "data-port-rejected"],
    [prohibited, "icmp-prohibited"],
    [foreign, "pasv-private-address"],
    [active, "active-inbound-blocked"],
  ] as const) {
    const channel = ftp.quitSealed().channel();
    assert.equal(channel.cause, cause);
    assert.ok(channel.contributing.includes("control-encrypted"), cause);
  }
});

test("silent: before AUTH TLS, after CCC, and where the channel works", () => {
  const clear = new Dialogue().login();
  clear.passive(50002);
  clear.net.synUnanswered(clear.ends(50002));
  const ccc = new Dialogue().secureLogin().clearAgain();
  ccc.passive(50002);
  ccc.net.synUnanswered(ccc.ends(50002));
  for (const ftp of [clear, ccc]) {
    const channel = ftp.quit().channel();
    assert.equal(channel.cause, "data-port-filtered");
    assert.deepEqual(channel.contributing, []);
  }
  const works = new Dialogue().secureLogin();
  works.askSealed("EPSV", [EPSV]);
  tlsListing(works.dial(50002), 600);
  assert.deepEqual(works.quitSealed().channel().contributing, []);
});
