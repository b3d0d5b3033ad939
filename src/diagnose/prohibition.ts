import type { Connection, IcmpError } from "../tcp/connection.ts";
import type { Fact } from "./verdict.ts";

/** ICMP codes that end a connection attempt, with what they say (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3.1). */
const UNREACHABLE_V4: Readonly<Record<number, string>> = {
  0: "network unreachable",
  1: "host unreachable",
  2: "protocol unreachable",
  3: "port unreachable",
  9: "network administratively prohibited",
  10: "host administratively prohibited",
  13: "communication administratively prohibited",
};
const UNREACHABLE_V6: Readonly<Record<number, string>> = {
  0: "no route to destination",
  1: "administratively prohibited",
  3: "address unreachable",
  4: "port unreachable",
  5: "source address failed policy",
  6: "reject route to destination",
};

/** What an ICMP error says against a SYN, or undefined when it says nothing of the kind (MTU). */
export function prohibitionText(error: IcmpError): string | undefined {
  if (isTimeExceeded(error)) return "time to live exceeded in transit";
  if (error.ipVersion === 4) return error.type === 3 ? UNREACHABLE_V4[error.code] : undefined;
  return error.type === 1 ? UNREACHABLE_V6[error.code] : undefined;
}

/** The packet has passed so many routers as it may: it goes in a circle (RFC 792: type 11 code 0; RFC 4443 section 3.3). */
export function isTimeExceeded({ ipVersion, type, code }: IcmpError): boolean {
  return type === (ipVersion === 4 ? 11 : 3) && code === 0;
}

/** Stacks send with a TTL of 64 or more, and no path is as long as the half of that; what has less here is to be exceeded (traceroute by TCP). */
const LEAST_TTL = 32;

/** The ICMP error that ended an attempt. */
export function prohibition({ icmpErrors, originator }: Connection): IcmpError | undefined {
  return icmpErrors.find(
    (error) =>
      error.quotes === "originator" &&
      prohibitionText(error) !== undefined &&
      (!isTimeExceeded(error) || originator.ttl >= LEAST_TTL),
  );
}

/** `ICMP type 3 code 13 from the router 198.51.100.1, TTL 60: communication administratively prohibited` */
export function prohibitionFact(error: IcmpError, attempt: Connection): Fact {
  const by =
    error.from === attempt.responder.address
      ? `the target ${error.from} itself (or a device that answers in its name)`
      : `the router ${error.from}`;
  const message = `ICMP${error.ipVersion === 6 ? "v6" : ""} type ${error.type} code ${error.code}`;
  return { packet: error.packet, says: `${message} from ${by}, TTL ${error.ttl}: ${prohibitionText(error)}` };
}
