import type { ServerName } from "../ftp/server-software.ts";

/**
 * How the server products spell the settings that FTP troubles call for: the one table of it. Remedies quote it in a sentence, `advise` fills
 * in what was seen.
 */

/** How one product spells a setting. */
export interface ServerSetting {
  /** Its name, or the part of it that says enough; found in what a report names the software, without regard to case. */
  readonly product: ServerName | "IIS" | "JSCAPE";
  /** What to write or choose. ADDRESS stands for the public address, FIRST and LAST for the passive range. */
  readonly lines: readonly string[];
  /** What a remedy says in their place, where they do not make a sentence's part. */
  readonly inShort?: string;
  /** Where the product documents it. */
  readonly source: string;
}

/** Server settings by what they are for, product by product, the usual ones first. */
export const SERVER_SETTINGS = {
  "passive-address": [
    {
      product: "vsftpd",
      lines: ["pasv_address=ADDRESS"],
      inShort: "pasv_address=ADDRESS, with pasv_addr_resolve=YES for a name",
      source: "vsftpd.conf(5)",
    },
    { product: "ProFTPD", lines: ["MasqueradeAddress ADDRESS"], source: "ProFTPD mod_core, MasqueradeAddress" },
    {
      product: "Pure-FTPd",
      lines: ["ForcePassiveIP ADDRESS"],
      inShort: "-P ADDRESS, or ForcePassiveIP ADDRESS",
      source: "pure-ftpd(8)",
    },
    {
      product: "FileZilla Server",
      lines: ["Use the following host: ADDRESS"],
      inShort: "FTP and FTP over TLS > Passive mode: Use the following host",
      source: "FileZilla Server documentation, Passive mode",
    },
    {
      product: "IIS",
      lines: [
        "appcmd set config -section:system.applicationHost/sites ^",
        "  /siteDefaults.ftpServer.firewallSupport.externalIp4Address:ADDRESS ^",
        "  /commit:apphost",
      ],
      inShort: "FTP Firewall Support: external IP address of firewall (externalIp4Address)",
      source: "IIS configuration reference, ftpServer/firewallSupport",
    },
    {
      product: "JSCAPE",
      lines: ["Passive IP: ADDRESS"],
      inShort: "FTP/S service: passive IP",
      source: "JSCAPE Secure FTP Server documentation, connection preferences",
    },
    {
      product: "pyftpdlib",
      lines: ['FTPHandler.masquerade_address = "ADDRESS"'],
      inShort: "FTPHandler.masquerade_address",
      source: "pyftpdlib API reference",
    },
    { product: "ftp-srv", lines: ['pasv_url: "ADDRESS"'], inShort: "pasv_url", source: "ftp-srv README" },
    { product: "wu-ftpd", lines: ["passive address ADDRESS 0.0.0.0/0"], source: "ftpaccess(5)" },
  ],
  "passive-range": [
    { product: "vsftpd", lines: ["pasv_min_port=FIRST", "pasv_max_port=LAST"], source: "vsftpd.conf(5)" },
    { product: "ProFTPD", lines: ["PassivePorts FIRST LAST"], source: "ProFTPD mod_core, PassivePorts" },
    {
      product: "Pure-FTPd",
      lines: ["PassivePortRange FIRST LAST"],
      inShort: "-p FIRST:LAST, or PassivePortRange FIRST LAST",
      source: "pure-ftpd(8)",
    },
    {
      product: "FileZilla Server",
      lines: ["Use custom port range: from FIRST to LAST"],
      inShort: "FTP and FTP over TLS > Passive mode: custom port range",
      source: "FileZilla Server documentation, Passive mode",
    },
    {
      product: "IIS",
      lines: [
        "appcmd set config -section:system.ftpServer/firewallSupport ^",
        "  /lowDataChannelPort:FIRST /highDataChannelPort:LAST /commit:apphost",
      ],
      inShort: "FTP Firewall Support: data channel port range (lowDataChannelPort, highDataChannelPort)",
      source: "IIS configuration reference, ftpServer/firewallSupport",
    },
    {
      product: "JSCAPE",
      lines: ["Passive port range: FIRST to LAST"],
      inShort: "FTP/S service: passive port range",
      source: "JSCAPE Secure FTP Server documentation, connection preferences",
    },
    {
      product: "pyftpdlib",
      lines: ["FTPHandler.passive_ports = range(FIRST, LAST + 1)"],
      inShort: "FTPHandler.passive_ports",
      source: "pyftpdlib API reference",
    },
    {
      product: "ftp-srv",
      lines: ["pasv_min: FIRST, pasv_max: LAST"],
      inShort: "pasv_min, pasv_max",
      source: "ftp-srv README",
    },
    { product: "wu-ftpd", lines: ["passive ports 0.0.0.0/0 FIRST LAST"], source: "ftpaccess(5)" },
  ],
  "passive-mode": [
    { product: "vsftpd", lines: ["pasv_enable=YES"], source: "vsftpd.conf(5)" },
    { product: "ProFTPD", lines: ["<Limit PASV EPSV>: AllowAll"], source: "ProFTPD mod_core, Limit" },
    { product: "Pure-FTPd", lines: ["without -N (NATmode)"], source: "pure-ftpd(8)" },
  ],
  "tls-session-reuse": [
    { product: "vsftpd", lines: ["require_ssl_reuse=NO"], source: "vsftpd.conf(5)" },
    { product: "ProFTPD", lines: ["TLSOptions NoSessionReuseRequired"], source: "ProFTPD mod_tls, TLSOptions" },
    {
      product: "FileZilla Server",
      lines: ["0.9.x: untick 'Require TLS session resumption on data connection'; 1.x always requires it"],
      source: "FileZilla Server settings",
    },
  ],
  "data-protection": [
    { product: "vsftpd", lines: ["force_local_data_ssl, force_anon_data_ssl"], source: "vsftpd.conf(5)" },
    { product: "ProFTPD", lines: ["TLSRequired"], source: "ProFTPD mod_tls, TLSRequired" },
    { product: "Pure-FTPd", lines: ["-Y 3 (TLS 3) demands it, -Y 2 does not"], source: "pure-ftpd(8)" },
    {
      product: "IIS",
      lines: ["FTP SSL Settings: dataChannelPolicy"],
      source: "IIS configuration reference, security/ssl",
    },
    { product: "pyftpdlib", lines: ["TLS_FTPHandler.tls_data_required"], source: "pyftpdlib API reference" },
  ],
  "foreign-address": [
    { product: "vsftpd", lines: ["pasv_promiscuous=YES, port_promiscuous=YES"], source: "vsftpd.conf(5)" },
    { product: "ProFTPD", lines: ["AllowForeignAddress on"], source: "ProFTPD mod_core, AllowForeignAddress" },
    { product: "Pure-FTPd", lines: ["-w (AllowUserFXP)"], source: "pure-ftpd(8)" },
    { product: "pyftpdlib", lines: ["FTPHandler.permit_foreign_addresses"], source: "pyftpdlib API reference" },
  ],
  "active-mode": [{ product: "vsftpd", lines: ["port_enable=YES"], source: "vsftpd.conf(5)" }],
  "session-limit": [
    { product: "vsftpd", lines: ["max_clients, max_per_ip"], source: "vsftpd.conf(5)" },
    {
      product: "ProFTPD",
      lines: ["MaxInstances, MaxClients, MaxClientsPerHost"],
      source: "ProFTPD mod_core, mod_auth",
    },
    { product: "Pure-FTPd", lines: ["-c (MaxClientsNumber), -C (MaxClientsPerIP)"], source: "pure-ftpd(8)" },
    { product: "pyftpdlib", lines: ["FTPServer.max_cons, max_cons_per_ip"], source: "pyftpdlib API reference" },
  ],
} as const satisfies Readonly<Record<string, readonly ServerSetting[]>>;

/** What a server setting is for. */
export type SettingPurpose = keyof typeof SERVER_SETTINGS;

/** Where each product keeps its passive address and range: file, program or place in the administration, by the same sources. */
export const PASSIVE_PLACES: Readonly<Record<(typeof SERVER_SETTINGS)["passive-range"][number]["product"], string>> = {
  vsftpd: "vsftpd.conf",
  ProFTPD: "proftpd.conf",
  "Pure-FTPd": "pure-ftpd.conf",
  "FileZilla Server": "Protocol settings > FTP and FTP over TLS (FTPS) > Passive mode",
  IIS: "%windir%\\system32\\inetsrv, then restart the service ftpsvc",
  JSCAPE: "the domain's FTP connection settings",
  pyftpdlib: "before the server is started",
  "ftp-srv": "options of new FtpSrv()",
  "wu-ftpd": "ftpaccess",
};

/** The setting of a purpose as the software in a greeting spells it; undefined when none is known for it. */
export function settingOf(purpose: SettingPurpose, serverSoftware: string): ServerSetting | undefined {
  const settings: readonly ServerSetting[] = SERVER_SETTINGS[purpose];
  const seen = serverSoftware.toLowerCase();
  return settings.find(({ product }) => seen.includes(product.toLowerCase()));
}

/** The setting in a few words: `pasv_min_port=FIRST, pasv_max_port=LAST`. */
export function settingInShort({ lines, inShort }: ServerSetting): string {
  return inShort ?? lines.join(", ");
}
