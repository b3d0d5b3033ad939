import { analyzeCapture } from "../../../src/index.ts";
import type { CaptureBuilder } from "../../support/capture-builder.ts";

/** The server of all these sessions. */
export const SERVER = "198.51.100.7";

/** A session that logs in, negotiates by EPSV and lists; the data connection is answered, or not. */
export function session(
  net: CaptureBuilder,
  client: string,
  port: number,
  data: "works" | "filtered" | "unheard",
  dataPort: number,
): void {
  const control = net.connect({ client: `${client}:${port}`, server: `${SERVER}:21` });
  control.server("220 ready\r\n");
  control.client("USER anonymous\r\n");
  control.server("230 logged in\r\n");
  control.client("EPSV\r\n");
  control.server(`229 Entering Extended Passive Mode (|||${dataPort}|)\r\n`);
  if (data === "works") {
    const connection = net.connect({ client: `${client}:${port + 1}`, server: `${SERVER}:${dataPort}` });
    control.client("LIST\r\n");
    control.server("150 here it comes\r\n");
    connection.serverData(400);
    connection.finish("server");
    control.server("226 done\r\n");
  } else if (data === "unheard") {
    const ends = { client: `${client}:${port + 1}`, server: `${SERVER}:${dataPort}` };
    const connection = net.uncaptured(() => net.connect(ends));
    const seq = { client: connection.position("client").seq - 1, server: connection.position("server").seq - 1 };
    for (const seconds of [1, 2, 4]) {
      connection.segment("client", { flags: "S", seq: seq.client, ack: 0 });
      connection.segment("server", { flags: "SA", seq: seq.server });
      net.wait(seconds * 1000);
    }
  } else {
    net.synUnanswered({ client: `${client}:${port + 1}`, server: `${SERVER}:${dataPort}`, retries: 3 });
    net.wait(1000);
  }
  control.client("QUIT\r\n");
  control.server("221 bye\r\n");
  control.finish("server");
  net.wait(3000);
}

/** What the sessions of a capture show together. */
export function findingsOf(net: CaptureBuilder) {
  return analyzeCapture(net.build()).findings;
}
