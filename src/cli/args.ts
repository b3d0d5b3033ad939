import { Argument, Command, InvalidArgumentError, Option } from "commander";
import type { Wanted } from "../extract/evidence-plan.ts";
import { TABLE_COLUMNS } from "../report/format.ts";
import { OUTPUT_FORMAT_NAMES, OUTPUT_FORMATS, type OutputFormatName } from "../report/formats.ts";
import { REDACTABLE, type Redactable } from "../report/redactable.ts";
import { wrapWithLabel } from "../report/text-layout.ts";
import type { Loudness } from "./complaints.ts";
import { EXIT_STATUSES } from "./exit-code.ts";

/** What `ftptrace analyze` was asked for. */
export interface AnalyzeRequest {
  readonly files: readonly string[];
  readonly format: OutputFormatName;
  readonly ftpPorts: readonly number[];
  readonly color: "auto" | "always" | "never";
  /** Columns of the table; null: the terminal's. */
  readonly width: number | null;
  /** Null: standard output. */
  readonly output: string | null;
  /** Where an HTML report goes beside it; null: nowhere. */
  readonly htmlReport: string | null;
  /** What the report must not name; empty: nothing is replaced. */
  readonly redact: readonly Redactable[];
  /** File with the key of replacements; null: a key of this run only. */
  readonly redactKeyFile: string | null;
  /** Only the session with this id, or whose id begins so, as a conversation; null: the whole report. */
  readonly session: string | null;
  readonly force: boolean;
  readonly failOn: "failed" | "any" | null;
  /** Read every capture once more with pcap-parser and compare. */
  readonly crossCheck: boolean;
  /** Stop at the first damaged record of a capture. */
  readonly strict: boolean;
  /** Leave out TCP packets with a wrong checksum. */
  readonly verifyChecksums: boolean;
  /** Who finds the packets in the bytes: our reader or the package pcap-parser. */
  readonly reader: ReaderName;
  readonly loudness: Loudness;
}

/** Readers of captures, the default first. */
const READER_NAMES = ["own", "pcap-parser"] as const;
export type ReaderName = (typeof READER_NAMES)[number];

/** What `ftptrace extract` was asked for. */
export interface ExtractRequest extends Pick<AnalyzeRequest, "files" | "ftpPorts" | "output" | "force" | "loudness"> {
  readonly wanted: Wanted;
  readonly headersOnly: boolean;
}

/** What `ftptrace advise` was asked for. */
export interface AdviseRequest
  extends Pick<AnalyzeRequest, "files" | "ftpPorts" | "width" | "output" | "force" | "loudness"> {
  readonly format: "text" | "json";
}

/** What `ftptrace explain` was asked for. */
export interface ExplainRequest {
  /** Null: the list of all. */
  readonly id: string | null;
  readonly color: "auto" | "always" | "never";
  /** Columns; null: the terminal's. */
  readonly width: number | null;
}

/** Shells for which there is a completion script. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** What runs for each command; each loads what it needs only when it runs, so that `--help` is quick. */
export interface CommandHandlers {
  analyze(request: AnalyzeRequest): Promise<void>;
  extract(request: ExtractRequest): Promise<void>;
  advise(request: AdviseRequest): Promise<void>;
  explain(request: ExplainRequest): Promise<void>;
  /** @param program the whole tree, to be described */
  completion(program: Command, shell: Shell): Promise<void>;
  manual(program: Command): Promise<void>;
}

/** Where help and errors about usage are written. */
export interface UsageOutput {
  writeOut(text: string): void;
  writeErr(text: string): void;
}

/**
 * The whole command tree. Parsing never ends the process: for help, version and errors it throws commander's CommanderError,
 * after having written the text.
 */
export function createProgram(version: string, handlers: CommandHandlers, output: UsageOutput): Command {
  const program = configured(new Command("ftptrace"), output)
    .description("Explains failed FTP and FTPS data channels from packet captures.")
    .version(version, "-V, --version", "print the version")
    .helpCommand("help [command]", "show help for a command")
    .addHelpText(
      "after",
      "\nExamples:\n  ftptrace analyze client.pcap\n  ftptrace explain pasv-private-address\n\nDocumentation: README.md and docs/causes/ in the package",
    );
  for (const [name, describe] of Object.entries(COMMANDS))
    describe(configured(program.command(name), output), handlers, program);
  return program;
}

/** Adds what a command is about, what it takes and what it runs. @param program the whole tree */
type DescribeCommand = (command: Command, handlers: CommandHandlers, program: Command) => void;

/** Every command, in the order of the help. */
const COMMANDS: Readonly<Record<keyof CommandHandlers, DescribeCommand>> = {
  analyze: describeAnalyze,
  extract: describeExtract,
  advise: describeAdvise,
  explain: describeExplain,
  completion: describeCompletion,
  manual: describeManual,
};

function describeAnalyze(command: Command, handlers: CommandHandlers): void {
  command
    .summary("explain what became of every FTP data channel")
    .description(
      "Reads captures (pcap, pcapng, also .gz and .zst; - is standard input) and explains what became of every FTP data channel. " +
        "Several files are one input, read in time order.",
    )
    .argument("<file...>", "captures, in any order")
    .addOption(new Option("-f, --format <name>", "output format").choices(OUTPUT_FORMAT_NAMES).default("table"))
    .addOption(ftpPortOption())
    .addOption(colorOption("colours in the table"))
    .addOption(widthOption(TABLE_COLUMNS.least))
    .addOption(outputOption("report"))
    .addOption(new Option("--report <file.html>", "also write a page for a postmortem: one HTML file, no script"))
    .addOption(
      new Option(
        "-s, --session <id>",
        "print this session as a conversation; the beginning of an id will do",
      ).conflicts("format"),
    )
    .addOption(
      new Option("--redact <what>", `replace by tokens: ${REDACTABLE.join(", ")}, separated by commas`).argParser(
        parseRedact,
      ),
    )
    .addOption(
      new Option(
        "--redact-key-file <file>",
        "key of the tokens, at least 16 bytes: reports with one key can be joined",
      ),
    )
    .addOption(forceOption("--output and --report"))
    .addOption(
      new Option(
        "--fail-on <what>",
        "exit with 1 if a channel or control connection failed (failed), or also if one was refused or remains undetermined (any)",
      ).choices(["failed", "any"]),
    )
    .addOption(
      new Option("--reader <name>", "who finds the packets; pcap-parser reads classic pcap with microseconds")
        .choices(READER_NAMES)
        .default("own"),
    )
    .option(
      "--verify-checksums",
      "leave out TCP packets whose checksum is wrong, as their receiver did (not where a sender's network card had yet to compute it)",
    )
    .option("--strict", "stop at the first damaged record of a capture, instead of going on where the next one stands")
    .option("--cross-check", "read classic captures once more with pcap-parser; exit with 70 if the two readers differ")
    .addOption(quietOption())
    .addOption(verboseOption())
    .addHelpText("after", () =>
      helpList(
        "Formats",
        OUTPUT_FORMAT_NAMES.map((name) => [name, OUTPUT_FORMATS[name].summary]),
      ),
    )
    .addHelpText("after", () =>
      helpList(
        "Exit status",
        Object.values(EXIT_STATUSES).map(({ status, says }) => [status, says]),
      ),
    )
    .action((files: string[], options: AnalyzeOptionValues) =>
      handlers.analyze({
        files,
        format: options.format,
        ftpPorts: options.ftpPort ?? [],
        color: options.color,
        width: options.width ?? null,
        output: outputOf(options),
        htmlReport: options.report ?? null,
        session: options.session ?? null,
        redact: options.redact ?? [],
        redactKeyFile: options.redactKeyFile ?? null,
        force: options.force ?? false,
        failOn: options.failOn ?? null,
        crossCheck: options.crossCheck ?? false,
        strict: options.strict ?? false,
        verifyChecksums: options.verifyChecksums ?? false,
        reader: options.reader,
        loudness: loudnessOf(options),
      }),
    );
}

function describeExtract(command: Command, handlers: CommandHandlers): void {
  command
    .summary("write the packets of a session, with comments, to a pcapng file")
    .description(
      "Writes the packets that matter as they were captured (time, interface, length) to a pcapng file. Comments say what single packets show and " +
        "what the verdict is, for Wireshark to display. Passwords are overwritten in place, so some checksums are wrong.",
    )
    .argument("<file...>", "captures, in any order")
    .addOption(new Option("-s, --session <id>", "this session; the beginning of an id will do").conflicts("failed"))
    .addOption(
      new Option(
        "--failed",
        "all sessions in which a data channel or the control connection failed; none leaves a file without packets",
      ),
    )
    .addOption(new Option("--headers-only", "leave the payload of all TCP segments out"))
    .addOption(ftpPortOption())
    .addOption(outputOption("extract").makeOptionMandatory())
    .addOption(forceOption("--output"))
    .addOption(quietOption())
    .addOption(verboseOption())
    .action((files: string[], options: ExtractOptionValues) => {
      if (options.session === undefined && !options.failed) command.error("error: give --session <id> or --failed");
      return handlers.extract({
        files,
        wanted: options.session === undefined ? "failed" : { sessionId: options.session },
        headersOnly: options.headersOnly ?? false,
        ftpPorts: options.ftpPort ?? [],
        output: outputOf(options),
        force: options.force ?? false,
        loudness: loudnessOf(options),
      });
    });
}

function describeAdvise(command: Command, handlers: CommandHandlers): void {
  command
    .summary("say which firewall and NAT openings the sessions need")
    .description(
      "Says, from what the captures show, what the firewalls and NATs on both sides have to let pass in active and passive mode, " +
        "as words, as rules (nftables, iptables, Cisco ASA, security group) and as server settings, and what of it is assumed.",
    )
    .argument("<file...>", "captures, in any order")
    .addOption(new Option("-f, --format <name>", "output format").choices(["text", "json"]).default("text"))
    .addOption(ftpPortOption())
    .addOption(widthOption())
    .addOption(outputOption("advice"))
    .addOption(forceOption("--output"))
    .addOption(quietOption())
    .addOption(verboseOption())
    .action((files: string[], options: AdviseOptionValues) =>
      handlers.advise({
        files,
        format: options.format,
        ftpPorts: options.ftpPort ?? [],
        width: options.width ?? null,
        output: outputOf(options),
        force: options.force ?? false,
        loudness: loudnessOf(options),
      }),
    );
}

function describeExplain(command: Command, handlers: CommandHandlers): void {
  command
    .summary("explain an id of a report: a cause, finding, limit or oddity")
    .description(
      "Explains an id that a report names: the page of a cause or contributing circumstance, a few sentences on a finding, a limit of the capture or an oddity of the input. Without an id, lists all.",
    )
    .argument("[id]", "as a report names it, e.g. pasv-private-address")
    .addOption(colorOption("colours"))
    .addOption(widthOption())
    .action((id: string | undefined, { color, width }: Pick<AnalyzeOptionValues, "color" | "width">) =>
      handlers.explain({ id: id ?? null, color, width: width ?? null }),
    );
}

function describeCompletion(command: Command, handlers: CommandHandlers, program: Command): void {
  command
    .summary("print a script that lets the shell complete commands and options")
    .description("Prints a completion script. Its first lines say how the shell loads it.")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action((shell: Shell) => handlers.completion(program, shell));
}

function describeManual(command: Command, handlers: CommandHandlers, program: Command): void {
  command
    .summary("print the manual page")
    .description("Prints the manual page as roff, for man(1): ftptrace manual | man -l -")
    .action(() => handlers.manual(program));
}

function parseRedact(text: string): Redactable[] {
  const wanted = text.split(",").map((word) => word.trim());
  const unknown = wanted.find((word) => !(REDACTABLE as readonly string[]).includes(word));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`Allowed are ${REDACTABLE.join(", ")}, separated by commas.`);
  return wanted as Redactable[];
}

function colorOption(what: string): Option {
  return new Option("--color <when>", what).choices(["auto", "always", "never"]).default("auto");
}

function ftpPortOption(): Option {
  return new Option("-p, --ftp-port <port>", "a control port besides 21, 990 and 2121; may be repeated").argParser(
    collectPort,
  );
}

/** @param least columns that the text needs */
function widthOption(least = 1): Option {
  const limit = least === 1 ? "" : `, at least ${least}`;
  return new Option("--width <columns>", `columns${limit} (default: the terminal's, else 80)`).argParser((text) => {
    const width = /^\d{1,4}$/.test(text) ? Number(text) : 0;
    if (width < least) throw new InvalidArgumentError(`A width is a number of columns${limit}.`);
    return width;
  });
}

function outputOption(what: string): Option {
  return new Option("-o, --output <file>", `write the ${what} to a file, whole or not at all (- is standard output)`);
}

function forceOption(what: string): Option {
  return new Option("--force", `let ${what} replace a file`);
}

function quietOption(): Option {
  return new Option("-q, --quiet", "say nothing but why the exit status is not 0: no progress, no notes").conflicts(
    "verbose",
  );
}

function verboseOption(): Option {
  return new Option("-v, --verbose", "also say what was read, every kind of anomaly, and the time it took");
}

function outputOf({ output = "-" }: { readonly output?: string }): string | null {
  return output === "-" ? null : output;
}

interface LoudnessValues {
  quiet?: boolean;
  verbose?: boolean;
}

function loudnessOf({ quiet, verbose }: LoudnessValues): Loudness {
  return quiet ? "quiet" : verbose ? "verbose" : "normal";
}

interface ExtractOptionValues extends LoudnessValues {
  session?: string;
  failed?: boolean;
  headersOnly?: boolean;
  ftpPort?: number[];
  output: string;
  force?: boolean;
}

interface AdviseOptionValues extends LoudnessValues {
  format: "text" | "json";
  ftpPort?: number[];
  width?: number;
  output?: string;
  force?: boolean;
}

interface AnalyzeOptionValues extends LoudnessValues {
  format: OutputFormatName;
  ftpPort?: number[];
  color: "auto" | "always" | "never";
  width?: number;
  output?: string;
  report?: string;
  session?: string;
  redact?: Redactable[];
  redactKeyFile?: string;
  force?: boolean;
  failOn?: "failed" | "any";
  strict?: boolean;
  verifyChecksums?: boolean;
  crossCheck?: boolean;
  reader: ReaderName;
}

function configured(command: Command, { writeOut, writeErr }: UsageOutput): Command {
  return command
    .exitOverride()
    .showHelpAfterError(`Try: ftptrace ${command.name() === "ftptrace" ? "" : `${command.name()} `}--help`)
    .configureOutput({
      writeOut,
      writeErr,
      outputError: (text, write) => write(text.replace(/^error: /, "ftptrace: ")),
    });
}

const HELP_WIDTH = 80;

/** A heading, and under it names with what there is to say of them. */
function helpList(heading: string, rows: readonly (readonly [name: string | number, says: string])[]): string {
  const column = Math.max(...rows.map(([name]) => String(name).length));
  const lines = rows.map(([name, says]) => wrapWithLabel(`  ${String(name).padEnd(column)}  `, says, HELP_WIDTH));
  return `\n${heading}:\n${lines.join("\n")}`;
}

function collectPort(text: string, ports: readonly number[] = []): number[] {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw new InvalidArgumentError("A port is a number from 1 to 65535.");
  return [...ports, port];
}
