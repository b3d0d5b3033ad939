import assert from "node:assert/strict";
import { test } from "node:test";
import { clientHello } from "../../support/tls-records.ts";
import { Dialogue, FORGED, judges, shows } from "../dialogue.ts";
import { AUTH_SILENCE_SECONDS } from "../thresholds.ts";

const CAUSE = "auth-tls-blocked";

function greeted(options: ConstructorParameters<typeof Dialogue>[0] = {}): Dialogue {
  const ftp = new Dialogue(options);
  ftp.control.server(`${ftp.texts.greeting}\r\n`);
  return ftp;
}

test("a firewall answers AUTH with a reset", () => {
  for (const verb of ["AUTH TLS", "AUTH SSL"]) {
    const ftp = greeted();
    const auth = ftp.ask(verb);
    const reset = ftp.control.reset("server", FORGED);
    shows(ftp.session().control, {
      outcome: "failed",
      cause: CAUSE,
      confidence: "likely",
      evidence: [auth.command, reset],
      says: /AUTH is sent and never answered[\s\S]*a RST in the server's name.*TTL 62.*by a middlebox/,
    });
  }
});

test("at the server: the reset comes in the client's name", () => {
  const ftp = greeted({ vantage: "server" });
  const auth = ftp.ask("AUTH TLS", "234 Proceed with negotiation.");
  const reset = ftp.control.reset("client", FORGED);
  shows(ftp.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [auth.command, reset],
    says: /a RST in the client's name/,
  });
});

test("a reset that fits the server's own packets is only possible", () => {
  const ftp = greeted();
  const auth = ftp.ask("AUTH TLS");
  const reset = ftp.control.reset("server");
  shows(ftp.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [auth.command, reset],
    alternatives: ["control-connection-lost"],
  });
});

test("AUTH is acknowledged and never answered, and then both ends close in order: a server that hangs (pyftpdlib) does the same", () => {
  const ftp = greeted();
  const auth = ftp.ask("AUTH TLS");
  ftp.control.ack("server");
  ftp.pause(AUTH_SILENCE_SECONDS + 1);
  const fin = ftp.control.finish("client")[0];
  shows(ftp.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [auth.command, fin],
    alternatives: ["control-connection-lost"],
    says: /hears nothing; the server's host has acknowledged it/,
  });
});

test("granted, and the ClientHello is swallowed: repeated in vain, or acknowledged and never answered", () => {
  const swallowed = greeted();
  const auth = swallowed.ask("AUTH TLS", "234 AUTH TLS OK.");
  swallowed.control.client(clientHello());
  const repeats = swallowed.control.retransmit("client", { times: 5 });
  shows(swallowed.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [auth.command, repeats[0]],
    says: /AUTH is granted with 234[\s\S]*repeated 5 times, never acknowledged/,
  });

  const silent = (seconds: number) => {
    const ftp = greeted();
    const asked = ftp.ask("AUTH TLS", "234 AUTH TLS OK.");
    ftp.control.client(clientHello());
    ftp.control.ack("server");
    ftp.pause(seconds);
    const fin = ftp.control.fin("client");
    return { control: ftp.session().control, asked, fin };
  };
  const { control, asked, fin } = silent(AUTH_SILENCE_SECONDS + 1);
  shows(control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "possible",
    evidence: [asked.command, fin],
    alternatives: ["control-connection-lost"],
    says: /waits 6\.\d s and hears nothing/,
  });
  assert.equal(silent(AUTH_SILENCE_SECONDS - 1).control.cause, null);

  // Nobody has acknowledged it, in however few copies.
  const unheard = greeted();
  const { command } = unheard.ask("AUTH TLS", "234 AUTH TLS OK.");
  unheard.control.client(clientHello());
  const end = unheard.pause(AUTH_SILENCE_SECONDS + 1).control.fin("client");
  shows(unheard.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [command, end],
  });
});

test("silent: a server that has no TLS says so and stays", () => {
  for (const reply of ["500 Unknown command.", "502 Command not implemented.", "504 Unknown AUTH type."]) {
    const ftp = greeted();
    ftp.ask("AUTH TLS", reply);
    ftp.ask("USER alice", "331 Please specify the password.");
    ftp.ask("PASS secret", "230 Login successful.");
    ftp.quit();
    judges(ftp.session().control, "ok");
  }
});

test("silent: the handshake goes through and the session dies later, or the client leaves after 234", () => {
  const later = new Dialogue().secureLogin();
  later.control.reset("server", FORGED);
  assert.equal(later.session().control.cause, null);

  const leaves = greeted();
  leaves.ask("AUTH TLS", "234 AUTH TLS OK.");
  leaves.pause(20).control.finish("client");
  assert.equal(leaves.session().control.cause, null);
});

test("silent: the capture lost what was answered", () => {
  const ftp = greeted();
  const auth = ftp.ask("AUTH TLS", "234 AUTH TLS OK.");
  ftp.ask("NOOP", "200 ok");
  ftp.control.reset("server", FORGED);
  ftp.net.drop(auth.reply);
  assert.notEqual(ftp.session().control.cause, CAUSE);
});

test("the ServerHello is swallowed: the server stands behind it, and the client leaves without having got it", () => {
  const ftp = greeted();
  const auth = ftp.ask("AUTH TLS", "234 AUTH TLS OK.");
  ftp.control.client(clientHello());
  ftp.control.ack("server");
  const { seq, ack } = ftp.control.position("server");
  ftp.pause(AUTH_SILENCE_SECONDS + 1);
  const fin = ftp.control.fin("client");
  ftp.control.segment("server", { flags: "A", seq: seq + 1200, ack: ack + 1 });
  shows(ftp.session().control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [auth.command, fin],
  });
});

test("silent: where a RST or an acknowledgment stands tells that the capture lacks the handshake", () => {
  const without = (happen: (ftp: Dialogue) => void) => {
    const ftp = greeted();
    ftp.ask("AUTH TLS", "234 AUTH TLS OK.");
    ftp.control.client(clientHello());
    happen(ftp);
    return ftp.session().control.cause;
  };
  assert.equal(
    without(({ control }) => {
      control.skip("server", 1200);
      control.segment("server", { flags: "R", window: 0 });
    }),
    null,
  );
  const waits = (server: number, client: number) =>
    without((ftp) => {
      ftp.control.ack("server");
      ftp.pause(AUTH_SILENCE_SECONDS + 1);
      ftp.control.skip("server", server);
      ftp.control.skip("client", client);
      ftp.control.ack("server");
      ftp.watch(1);
    });
  assert.deepEqual([waits(0, 0), waits(1200, 0), waits(0, 500)], [CAUSE, null, null]);
});

/** AUTH answered by a packet with this TTL, and what the client does then. */
function answeredWith(reply: string, ttl: number | undefined, goesOn = false) {
  const ftp = greeted();
  ftp.control.client("AUTH TLS\r\n");
  const answer = ftp.control.server(`${reply}\r\n`, ttl === undefined ? {} : { ttl });
  if (goesOn) ftp.ask("USER alice", "331 Please specify the password.");
  ftp.quit();
  return { control: ftp.session().control, answer };
}

test("a firewall refuses AUTH in the server's name, or overwrites it", () => {
  const forged = answeredWith("500 AUTH not allowed", 62);
  shows(forged.control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [forged.answer, forged.answer],
    says: /that reply is not the server's: TTL 62.*by a middlebox/,
  });
  const masked = answeredWith("500 'XXXX XXX': command not understood", undefined);
  shows(masked.control, {
    outcome: "failed",
    cause: CAUSE,
    confidence: "likely",
    evidence: [masked.answer, masked.answer],
    says: /AUTH was overwritten on its way/,
  });
});

test("silent: the same, and the client goes on in cleartext; a refusal of the server itself", () => {
  assert.equal(answeredWith("500 AUTH not allowed", 62, true).control.cause, null);
  judges(answeredWith("500 AUTH not allowed", undefined).control, "failed", "auth-tls-refused");
});

test("silent: the client leaves by itself, or what the server answered is not in the capture", () => {
  const rejects = (dropped: number) => {
    const ftp = greeted();
    ftp.ask("AUTH TLS", "234 AUTH TLS OK.");
    const flights = ftp.control.tls({}, 2);
    ftp.control.alert("client", 2, 48);
    ftp.control.reset("client");
    ftp.net.drop(...flights.slice(flights.length - dropped));
    return ftp.session().control;
  };
  assert.equal(rejects(0).cause, null);
  assert.equal(rejects(1).cause, null);

  const unheard = greeted();
  unheard.ask("AUTH TLS", "234 AUTH TLS OK.");
  const [hello, ...answer] = unheard.control.tls({}, 2);
  assert.ok(hello && answer.length > 0);
  unheard.control.ack("client");
  unheard.pause(AUTH_SILENCE_SECONDS + 1).control.fin("client");
  unheard.net.drop(...answer);
  assert.equal(unheard.session().control.cause, null);
});
