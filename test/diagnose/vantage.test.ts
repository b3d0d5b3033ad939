import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue, type DialogueOptions } from "./dialogue.ts";

/** What is said of the capture point where a SYN is missing. */
function toldOf(options: DialogueOptions): string {
  const ftp = new Dialogue(options).login();
  ftp.passive(50002, "203.0.113.5");
  ftp.ask("LIST", "425 Failed to establish connection.");
  ftp.quit();
  return ftp
    .channel()
    .evidence.map(({ says }) => says)
    .join("\n");
}

test("by TTLs: whose packets have passed no router, and how long the SYN-ACK took", () => {
  assert.match(
    toldOf({ vantage: "client" }),
    /captured at the client \(TTL 64 from the client, 57 from the server, whose SYN-ACK took 20 ms: the client's packets have passed no router\)/,
  );
  assert.match(toldOf({ vantage: "server" }), /captured at the server \(TTL 57 from the client, 64 from the server/);
  assert.match(toldOf({ vantage: "middle" }), /captured between the two/);
});

test("by addresses where TTLs do not tell: a private one has not been translated", () => {
  const path = { clientTtl: 64, serverTtl: 64 };
  assert.match(
    toldOf({ client: "192.168.1.7", path }),
    /captured at the client \(.*neither has passed a router; the client's private address 192\.168\.1\.7 has not been translated yet/,
  );
  assert.match(
    toldOf({ server: "10.1.2.3", path }),
    /captured at the server \(.*the server's private address 10\.1\.2\.3 is behind its translation/,
  );
  assert.match(toldOf({ path }), /the side is unknown/);
  assert.match(toldOf({ client: "192.168.1.7", server: "10.1.2.3", path }), /the side is unknown/);
});
