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

/** What the sessions with one control port of one server showed. */
export interface ServiceNeeds {
  /** As the clients addressed it at the capture point. */
  readonly server: string;
  readonly controlPort: number;
  sessions: number;
  readonly security: Set<Security>;
  /** TLS or words of FTP were seen; a greeting alone, without a name in it, does not count. */
  heard: boolean;
  readonly clients: Set<string>;
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
  #left = 0;

  add({ control, dataChannels }: Session): void {
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
    needs.sessions++;
    needs.security.add(control.security);
    needs.heard ||=
      control.security !== "cleartext" ||
      control.serverSoftware !== null ||
      control.user !== null ||
      dataChannels.some(({ negotiation }) => negotiation !== null);
    needs.serverSoftware ??= control.serverSoftware;
    remember(needs.clients, control.client.address);
    for (const channel of dataChannels) addChannel(needs, channel, address);
  }

  /** The busiest first. */
  services(): ServiceNeeds[] {
    return [...this.#services.values()].sort((a, b) => b.sessions - a.sessions);
  }

  /** Sessions with further services, for which nothing is said. */
  get sessionsLeftOut(): number {
    return this.#left;
  }
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
