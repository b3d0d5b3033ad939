import { formatEndpoint } from "../address.ts";
import { countOf } from "../report/phrases.ts";
import { safeText } from "../report/safe-text.ts";
import { wrapText, wrapWithLabel } from "../report/text-layout.ts";
import type { FirewallRules } from "./firewall-rules.ts";
import type { ServiceAdvice } from "./service-advice.ts";

const ROLE_TITLES = {
  "server-passive": "Server's side, passive mode (PASV, EPSV)",
  "server-active": "Server's side, active mode (PORT, EPRT)",
  "client-passive": "Client's side, passive mode",
  "client-active": "Client's side, active mode",
} as const;

const FIREWALL_TITLES: Readonly<Record<FirewallRules["kind"], string>> = {
  nftables: "nftables",
  iptables: "iptables",
  "cisco-asa": "Cisco ASA",
  "security-group": "Security group (AWS CLI)",
};

/** Advice as text: prose wrapped to `width`, rules and settings as they are to be pasted, never wrapped. */
export function adviceText(services: readonly ServiceAdvice[], sessionsLeftOut: number, width: number): string {
  if (services.length === 0) return "No FTP session was seen: there is nothing to advise on.\n";
  const parts = services.map((service) => serviceText(service, width));
  if (sessionsLeftOut > 0)
    parts.push(
      ...wrapText(`${countOf(sessionsLeftOut, "session")} with further servers: nothing is said of them.`, width),
    );
  return `${parts.join("\n\n\n")}\n`;
}

function serviceText(service: ServiceAdvice, width: number): string {
  const { server, controlPort, serverSoftware, sessions, readable, roles } = service;
  const name = formatEndpoint({ address: server, port: controlPort });
  const software = serverSoftware === null ? "" : `, ${safeText(serverSoftware)}`;
  const title = `FTP SERVICE ${name} (${countOf(sessions, "session")}${software}; negotiations ${readable ? "readable" : "encrypted"})`;
  const bullets = (lines: readonly string[]) => lines.map((line) => wrapWithLabel("  - ", line, width));
  return [
    wrapText(title, width).join("\n"),
    ...roles.map(({ role, seen, words }) =>
      [`${ROLE_TITLES[role]}${seen ? "" : ": not seen in this capture"}`, ...bullets(words)].join("\n"),
    ),
    ["What is assumed", ...bullets(service.assumptions)].join("\n"),
    ["Alternatives", ...bullets(service.alternatives)].join("\n"),
    ...service.firewalls.map(({ kind, use, lines }) =>
      [wrapWithLabel(`${FIREWALL_TITLES[kind]}: `, use, width), "", ...lines].join("\n"),
    ),
    ["Server settings", ...service.settings.map((setting) => settingText(setting, width))].join("\n\n"),
  ].join("\n\n");
}

function settingText({ product, where, lines, source }: ServiceAdvice["settings"][number], width: number): string {
  return [
    wrapWithLabel(`  ${product}: `, where, width),
    ...lines.map((line) => `    ${line}`),
    wrapWithLabel("    ", `(${source})`, width),
  ].join("\n");
}
