import { Command, InvalidArgumentError, Option } from "commander";
import { OUTPUT_FORMAT_NAMES, OUTPUT_FORMATS, type OutputFormatName } from "../report/formats.ts";

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
  readonly force: boolean;
  readonly failOn: "failed" | "any" | null;
  /** Read every capture once more with pcap-parser and compare. */
  readonly crossCheck: boolean;
}

/** What `ftptrace explain` was asked for. */
export interface ExplainRequest {
  /** Null: the list of all. */
  readonly id: string | null;
  readonly color: "auto" | "always" | "never";
  /** Columns; null: the terminal's. */
  readonly width: number | null;
}

/** What runs for each command; each loads what it needs only when it runs, so that `--help` is quick. */
export interface CommandHandlers {
  analyze(request: AnalyzeRequest): Promise<void>;
  explain(request: ExplainRequest): Promise<void>;
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
  const analyze = configured(program.command("analyze"), output)
    .summary("explain what became of every FTP data channel")
    .description(
      "Reads captures (pcap, pcapng, also .gz and .zst; - is standard input) and explains what became of every FTP data channel. " +
        "Several files are one input, read in time order.",
    )
    .argument("<file...>", "captures, in any order")
    .addOption(new Option("-f, --format <name>", "output format").choices(OUTPUT_FORMAT_NAMES).default("table"))
    .option("-p, --ftp-port <port>", "a control port besides 21, 990 and 2121; may be repeated", collectPort)
    .addOption(colorOption("colours in the table"))
    .option("--width <columns>", "columns of the table (default: the terminal's, else 80)", parseWidth)
    .option("-o, --output <file>", "write the report to a file, whole or not at all (- is standard output)")
    .option("--force", "let --output replace a file")
    .addOption(
      new Option(
        "--fail-on <what>",
        "exit with 1 if a channel or control connection failed (failed), or also if one was refused or remains undetermined (any)",
      ).choices(["failed", "any"]),
    )
    .option("--cross-check", "read classic captures once more with pcap-parser; exit with 70 if the two readers differ")
    .addHelpText("after", () => `\nFormats:\n${formatList()}\n${EXIT_STATUS_HELP}`);
  analyze.action((files: string[], options: AnalyzeOptionValues) =>
    handlers.analyze({
      files,
      format: options.format,
      ftpPorts: options.ftpPort ?? [],
      color: options.color,
      width: options.width ?? null,
      output: options.output === "-" ? null : (options.output ?? null),
      force: options.force ?? false,
      failOn: options.failOn ?? null,
      crossCheck: options.crossCheck ?? false,
    }),
  );
  configured(program.command("explain"), output)
    .summary("explain what a cause means, how it shows and how to mend it")
    .description(
      "Prints the page of one cause, contributing circumstance or limit of a report; without an id, lists all.",
    )
    .argument("[id]", "as a report names it, e.g. pasv-private-address")
    .addOption(colorOption("colours"))
    .option("--width <columns>", "columns (default: the terminal's, else 80)", parseWidth)
    .action((id: string | undefined, { color, width }: Pick<AnalyzeOptionValues, "color" | "width">) =>
      handlers.explain({ id: id ?? null, color, width: width ?? null }),
    );
  return program;
}

function colorOption(what: string): Option {
  return new Option("--color <when>", what).choices(["auto", "always", "never"]).default("auto");
}

interface AnalyzeOptionValues {
  format: OutputFormatName;
  ftpPort?: number[];
  color: "auto" | "always" | "never";
  width?: number;
  output?: string;
  force?: boolean;
  failOn?: "failed" | "any";
  crossCheck?: boolean;
}

const EXIT_STATUS_HELP = `
Exit status:
  0   analysed (failed channels are a result, not an error; see --fail-on)
  1   --fail-on was given and applies
  2   wrong usage
  3   an input is no capture or cannot be read; the others were analysed
  4   an input was analysed only in part: cut off or damaged
  70  a bug in ftptrace, or --cross-check found that the readers differ
  74  the report could not be written`;

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

function formatList(): string {
  return OUTPUT_FORMAT_NAMES.map((name) => `  ${name.padEnd(7)} ${OUTPUT_FORMATS[name].summary}`).join("\n");
}

function collectPort(text: string, ports: readonly number[] = []): number[] {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw new InvalidArgumentError("A port is a number from 1 to 65535.");
  return [...ports, port];
}

function parseWidth(text: string): number {
  const width = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (width < 1) throw new InvalidArgumentError("A width is a number of columns.");
  return width;
}
