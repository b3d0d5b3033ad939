import type { PortRange } from "./service-needs.ts";

/** How one server is told its public address and its passive ports. */
export interface ServerSetting {
  readonly product: string;
  /** File, program or place in the administration. */
  readonly where: string;
  readonly lines: readonly string[];
  /** Where the product documents it. */
  readonly source: string;
}

/** What stands for an address that is not known. */
export const UNKNOWN_ADDRESS = "PUBLIC_ADDRESS";

type Row = Omit<ServerSetting, "lines"> & {
  readonly range: (first: number, last: number) => readonly string[];
  readonly address: (address: string) => readonly string[];
};

const ROWS: readonly Row[] = [
  {
    product: "vsftpd",
    where: "vsftpd.conf",
    range: (first, last) => [`pasv_min_port=${first}`, `pasv_max_port=${last}`],
    address: (address) => [`pasv_address=${address}`],
    source: "vsftpd.conf(5): pasv_min_port, pasv_max_port, pasv_address",
  },
  {
    product: "ProFTPD",
    where: "proftpd.conf",
    range: (first, last) => [`PassivePorts ${first} ${last}`],
    address: (address) => [`MasqueradeAddress ${address}`],
    source: "http://www.proftpd.org/docs/howto/NAT.html",
  },
  {
    product: "Pure-FTPd",
    where: "pure-ftpd.conf",
    range: (first, last) => [`PassivePortRange ${first} ${last}`],
    address: (address) => [`ForcePassiveIP ${address}`],
    source: "pure-ftpd(8): -p, -P",
  },
  {
    product: "FileZilla Server",
    where: "Protocol settings > FTP and FTP over TLS (FTPS) > Passive mode",
    range: (first, last) => [`Use custom port range: from ${first} to ${last}`],
    address: (address) => [`Use the following host: ${address}`],
    source: "https://filezillapro.com/docs/server/advanced-options/filezilla-server-passive-mode/",
  },
  {
    product: "IIS",
    where: "%windir%\\system32\\inetsrv, then restart the service ftpsvc",
    range: (first, last) => [
      "appcmd set config -section:system.ftpServer/firewallSupport ^",
      `  /lowDataChannelPort:${first} /highDataChannelPort:${last} /commit:apphost`,
    ],
    address: (address) => [
      "appcmd set config -section:system.applicationHost/sites ^",
      `  /siteDefaults.ftpServer.firewallSupport.externalIp4Address:${address} ^`,
      "  /commit:apphost",
    ],
    source: "https://learn.microsoft.com/en-us/iis/configuration/system.ftpserver/firewallsupport",
  },
  {
    product: "JSCAPE",
    where: "the domain's FTP connection settings",
    range: (first, last) => [`Passive port range: ${first} to ${last}`],
    address: (address) => [`Passive IP: ${address}`],
    source: "https://files.jscape.com/secureftpserver/docs/8.5/settingconnectionpreferences.htm",
  },
];

/**
 * The settings of each product with the values filled in.
 * @param publicAddress null: not known, {@link UNKNOWN_ADDRESS} stands for it. An IPv6 address is not set: PASV carries none, and EPSV needs none
 */
export function serverSettings(publicAddress: string | null, { first, last }: PortRange): ServerSetting[] {
  const isIpv6 = publicAddress?.includes(":") ?? false;
  return ROWS.map(({ product, where, source, range, address }) => ({
    product,
    where,
    lines: [...range(first, last), ...(isIpv6 ? [] : address(publicAddress ?? UNKNOWN_ADDRESS))],
    source,
  }));
}
