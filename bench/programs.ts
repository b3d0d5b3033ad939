import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { VariantName } from "./generate.ts";
import { isInstalled } from "./measure.ts";

/** A program that is measured. */
export interface Program {
  readonly name: string;
  /** Exit statuses that are no failure. */
  readonly accepts: readonly number[];
  /** Undefined: it cannot read this variant. */
  readonly command: (file: string, variant: VariantName) => readonly string[] | undefined;
}

/** ftptrace leaves with 1 when there are failures to tell of. */
const FAILURES_FOUND = [0, 1];

/** What ftptrace itself and its own reading cost. @param build where it was compiled to */
export function ownPrograms(build: string): readonly [Program, Program] {
  const run = (script: string, ...words: readonly string[]) => [process.execPath, join(build, script), ...words];
  return [
    {
      name: "ftptrace",
      accepts: FAILURES_FOUND,
      command: (file) => run("src/bin/ftptrace.js", "analyze", "--quiet", "--format", "json", file),
    },
    { name: "its reading", accepts: [0], command: (file) => run("bench/read-only-pass.js", file) },
  ];
}

const CONTROL = "tcp port 21";

/** tshark's nearest job: commands, replies, endpoints, and how connections began and ended. */
const TSHARK_FIELDS = [
  ...[
    "frame.time_epoch",
    "tcp.stream",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
  ],
  ...[
    "ftp.request.command",
    "ftp.request.arg",
    "ftp.response.code",
    "ftp.response.arg",
    "ftp.passive.port",
    "ftp.active.port",
  ],
];

/** Others that are installed. @param folder for what they insist on writing */
export function otherPrograms(folder: string): readonly Program[] {
  const asRoot = process.getuid?.() === 0 ? ["-Z", "root"] : [];
  const programs: readonly (Program & { readonly needs: string })[] = [
    {
      name: "tcpdump",
      needs: "tcpdump",
      accepts: [0],
      command: (file, variant) => {
        // The word vlan moves every offset behind it, so it comes last.
        const filter = variant === "vlan" ? `${CONTROL} or (vlan and ${CONTROL})` : CONTROL;
        const words = [...asRoot, "-w", "/dev/null", filter];
        if (variant !== "gz") return ["tcpdump", "-r", file, ...words];
        return ["sh", "-c", 'gzip -dc "$0" | tcpdump -r - "$@"', file, ...words];
      },
    },
    {
      name: "tshark",
      needs: "tshark",
      accepts: [0],
      command: (file) => {
        const shown = "ftp or tcp.flags.syn==1 or tcp.flags.reset==1 or icmp.type==3 or icmpv6.type==1";
        return [
          "tshark",
          "-n",
          "-r",
          file,
          "-Y",
          shown,
          "-T",
          "fields",
          ...TSHARK_FIELDS.flatMap((field) => ["-e", field]),
        ];
      },
    },
    { name: "tcptrace", needs: "tcptrace", accepts: [0], command: (file) => ["tcptrace", "-n", file] },
    {
      name: "Suricata",
      needs: "suricata",
      accepts: [0],
      command: (file, variant) => {
        const logs = join(folder, "suricata");
        mkdirSync(logs, { recursive: true });
        return variant === "gz" ? undefined : ["suricata", "-k", "none", "-l", logs, "-r", file];
      },
    },
  ];
  return programs.filter(({ needs }) => isInstalled(needs));
}
