import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue, judges } from "./dialogue.ts";
import { CONSEQUENCE_SECONDS } from "./thresholds.ts";

test("under TLS: a server that resets the control connection right after the data makes their good end doubtful", () => {
  const resetAfter = (seconds: number) => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const data = ftp.dial(50002);
    ftp.askSealed("LIST", ["150 Here comes the directory listing."]);
    data.tls({ resumption: "psk" });
    data.sealed("server", 500);
    data.finish("server");
    ftp.pause(seconds).control.reset("server");
    return ftp.channel();
  };
  judges(resetAfter(CONSEQUENCE_SECONDS - 0.1), "undetermined");
  judges(resetAfter(CONSEQUENCE_SECONDS + 0.1), "ok");
});

test("a connection opened before TYPE and SIZE is not unused because the capture ends there", () => {
  const ftp = new Dialogue().login();
  ftp.extended(50002);
  ftp.dial(50002);
  ftp.ask("TYPE I", "200 Switching to Binary mode.");
  ftp.ask("SIZE file", "213 5000");
  judges(ftp.channel(), "undetermined");
  ftp.ask("MKD new", "257 /new created");
  judges(ftp.channel(), "not-attempted");
});

test("under TLS: one direction of the data connection alone does not say how its handshake ended", () => {
  const seen = (side: "both" | "server") => {
    const ftp = new Dialogue().secureLogin();
    ftp.askSealed("EPSV", ["229 Entering Extended Passive Mode (|||50002|)"]);
    const before = ftp.net.last;
    const data = ftp.dial(50002);
    data.tls({ resumption: "psk" });
    data.sealed("server", 500);
    data.finish("server");
    const after = ftp.net.last;
    ftp.control.sealed("server", "226 Directory send OK.\r\n");
    ftp.quitSealed();
    // 192.0.2.10 is the client; its packets of the data connection took another way
    const isGone = (source: number, number: number) =>
      side === "server" && source === 10 && number > before && number <= after;
    ftp.net.edit((packets) => packets.filter(({ datagram }, at) => !isGone(datagram[15], at + 1)));
    return ftp.channel();
  };
  judges(seen("both"), "ok");
  const half = seen("server");
  judges(half, "undetermined");
  assert.deepEqual(half.limits, ["one-sided"]);
});
