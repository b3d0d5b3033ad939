import type { PortRange } from "./service-needs.ts";

/** The end at which a firewall stands, and the mode whose data connections are to pass it. */
export const ROLES = ["server-passive", "server-active", "client-passive", "client-active"] as const;
export type Role = (typeof ROLES)[number];

/** One end of the connections that an opening lets pass; null: any. */
export interface OpeningEnd {
  readonly address: string | null;
  readonly ports: PortRange | null;
}

/** TCP connections to be let pass, as a firewall sees their SYN. */
export interface Opening {
  readonly purpose: "control" | "data";
  /** As the firewall's own side sees it: new connections come in or go out. */
  readonly direction: "in" | "out";
  readonly from: OpeningEnd;
  readonly to: OpeningEnd;
}

/** What the firewall of one role has to let pass. */
export interface RoleAdvice {
  readonly role: Role;
  /** Whether sessions of this mode are in the capture. */
  readonly seen: boolean;
  readonly openings: readonly Opening[];
  readonly words: readonly string[];
}
