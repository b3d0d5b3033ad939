import { classifyAddress } from "../address.ts";
import type { DataChannel, Security, Session } from "../analysis.ts";

/** A row of ports, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** `50000-50099`, or `21` alone. @param dash what stands between the two */
export function portText({ first, last }: PortRange, dash = "-"): string {
  return first === last ? String(first) : `${first}${dash}${last}`;
}

/** Ports as they are seen: their span and how many different ones. */
export class SeenPorts {
  readonly #ports = new Set<number>();
  #first = 65536;
  #last = -1;

  add(port: number): void {
    this.#first = Math.min(this.#first, port);
    this.#last = Math.max(this.#last, port);
    if (this.#ports.size < MAX_KEPT) this.#ports.add(port);
  }

  /** From the lowest to the highest; null when none was seen. */
  get span(): PortRange | null {
    return this.#last < 0 ? null : { first: this.#first, last: this.#last };
  }

  /** How many different ones; {@link MAX_KEPT} stands for that many or more. */
  get count(): number {
    return this.#ports.size;
  }

  /** The lowest of them, at most a few. */
  list(): number[] {
    return [...this.#ports].sort((a, b) => a - b);
  }
}

/** What is remembered of each kind at one service: a flood of addresses must not fill the memory. */
const MAX_KEPT = 256;

/** Services that advice is given for. */
const MAX_SERVICES = 64;

/** Sessions of which another view is expected at once: both sides of a NAT end together. */
const MAX_EXPECTED = 4096;

/** What the sessions with one control port of one server showed. */
export interface ServiceNeeds {
  /** As the clients addressed it at the capture point. */
  readonly server: string;
  readonly controlPort: number;
  sessions: number;
  readonly security: Set<Security>;
  /** How the control connections are protected was seen: by their words, or since data channels came of it. */
  heard: boolean;
  readonly clients: Set<string>;
  /** The server's addresses on the other side of a NAT: sessions were seen on both. */
  readonly beyondNat: Set<string>;
  serverSoftware: string | null;
  /** Negotiations of each mode, and how many of their channels failed or were refused. */
  readonly passive: ModeUse;
  readonly active: ModeUse;
  /** Addresses that the server advertised for passive connections. */
  readonly advertised: Set<string>;
}

/** What was seen of one mode. */
export interface ModeUse {
  channels: number;
  troubled: number;
  /** Ports that the listening end advertised or was connected to. */
  readonly ports: SeenPorts;
  /** Ports from which the server connected (active mode). */
  readonly sourcePorts: SeenPorts;
}

/** Sums up sessions service by service; memory is bounded whatever their number. */
export class ServiceLedger {
  readonly #services = new Map<string, ServiceNeeds>();
  /** Of sessions that are to come, by their ids: the service at which another view of them was counted. */
  readonly #seenAt = new Map<string, ServiceNeeds>();
  #left = 0;

  add({ id, control, dataChannels }: Session): void {
    const seenAt = this.#seenAt.get(id);
    this.#seenAt.delete(id);
    const { address, port } = control.server;
    const key = `${port} ${address}`;
    let needs = this.#services.get(key);
    if (!needs) {
      if (this.#services.size >= MAX_SERVICES) {
        this.#left++;
        return;
      }
      needs = emptyNeeds(address, port);
      this.#services.set(key, needs);
    }
    remember(needs.clients, control.client.address);
    // Both sides of the client's NAT.
    if (seenAt === needs) return;
    needs.sessions++;
    if (seenAt) joinAcrossNat(seenAt, needs);
    else this.#expect(control.sameAs, needs);
    needs.security.add(control.security);
    needs.heard ||= control.security !== "implicit-tls" || dataChannels.length > 0;
    needs.serverSoftware ??= control.serverSoftware;
    for (const channel of dataChannels) addChannel(needs, channel, address);
  }

  /** The busiest first; without those that are nothing but another one behind its NAT. */
  services(): ServiceNeeds[] {
    return [...this.#services.values()].filter(({ sessions }) => sessions > 0).sort((a, b) => b.sessions - a.sessions);
  }

  #expect(views: readonly string[], needs: ServiceNeeds): void {
    for (const id of views) if (this.#seenAt.size < MAX_EXPECTED) this.#seenAt.set(id, needs);
  }

  /** Sessions with further services, for which nothing is said. */
  get sessionsLeftOut(): number {
    return this.#left;
  }
}

/** One session was counted at both: they are one server, if the one address is public and the other is not. */
function joinAcrossNat(one: ServiceNeeds, other: ServiceNeeds): void {
  if (one.controlPort !== other.controlPort || isPublic(one) === isPublic(other)) return;
  remember(one.beyondNat, other.server);
  remember(other.beyondNat, one.server);
  const inside = isPublic(one) ? other : one;
  inside.sessions--;
}

function isPublic({ server }: ServiceNeeds): boolean {
  return classifyAddress(server) === "public";
}

function emptyNeeds(server: string, controlPort: number): ServiceNeeds {
  const mode = (): ModeUse => ({ channels: 0, troubled: 0, ports: new SeenPorts(), sourcePorts: new SeenPorts() });
  return {
    server,
    controlPort,
    sessions: 0,
    security: new Set(),
    heard: false,
    clients: new Set(),
    beyondNat: new Set(),
    serverSoftware: null,
    passive: mode(),
    active: mode(),
    advertised: new Set(),
  };
}

function addChannel(needs: ServiceNeeds, channel: DataChannel, server: string): void {
  const { negotiation, connection, outcome } = channel;
  // Under TLS the negotiation is not readable: then who sent the SYN tells the mode.
  const mode = negotiation?.mode ?? (connection && (connection.originator.address === server ? "active" : "passive"));
  if (!mode) return;
  const use = needs[mode];
  use.channels++;
  if (outcome === "failed" || outcome === "refused") use.troubled++;
  const port = negotiation?.advertised?.port ?? connection?.responder.port;
  if (port) use.ports.add(port);
  if (mode === "active") {
    if (connection) use.sourcePorts.add(connection.originator.port);
    return;
  }
  const address = negotiation?.advertised?.address;
  if (address && ["public", "private", "cgnat"].includes(classifyAddress(address))) remember(needs.advertised, address);
}

function remember(addresses: Set<string>, address: string): void {
  if (addresses.size < MAX_KEPT) addresses.add(address);
}
