import { PASSIVE_PLACES, SERVER_SETTINGS, settingOf } from "../diagnose/server-settings.ts";
import type { PortRange } from "./service-needs.ts";

/** How one server is told its public address and its passive ports. */
export interface PassiveSetting {
  readonly product: string;
  /** File, program or place in the administration. */
  readonly where: string;
  /** To be written or chosen as they stand. */
  readonly lines: readonly string[];
  /** Where the product documents it. */
  readonly source: string;
}

/** What stands for an address that is not known. */
const UNKNOWN_ADDRESS = "PUBLIC_ADDRESS";

/**
 * The passive settings of each product with the values filled in, those of the server seen first.
 * @param publicAddress null: not known, `PUBLIC_ADDRESS` stands for it. An IPv6 address is not set: PASV carries none, and EPSV needs none
 * @param serverSoftware as the greeting told it; null: it did not
 */
export function passiveSettings(
  publicAddress: string | null,
  { first, last }: PortRange,
  serverSoftware: string | null,
): PassiveSetting[] {
  const isIpv6 = publicAddress?.includes(":") ?? false;
  const fill = (line: string) =>
    line
      .replace(/\bFIRST\b/g, String(first))
      .replace(/\bLAST\b/g, String(last))
      .replace(/\bADDRESS\b/g, publicAddress ?? UNKNOWN_ADDRESS);
  const own = serverSoftware === null ? undefined : settingOf("passive-range", serverSoftware)?.product;
  return SERVER_SETTINGS["passive-range"]
    .map(({ product, lines, source }): PassiveSetting => {
      const address = SERVER_SETTINGS["passive-address"].find((row) => row.product === product);
      const addressLines: readonly string[] = isIpv6 || !address ? [] : address.lines;
      const addressSource = isIpv6 || !address || address.source === source ? [] : [address.source];
      return {
        product,
        where: PASSIVE_PLACES[product],
        lines: [...lines, ...addressLines].map(fill),
        source: [source, ...addressSource].join("; "),
      };
    })
    .sort((a, b) => Number(b.product === own) - Number(a.product === own));
}
