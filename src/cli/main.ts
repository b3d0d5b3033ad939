import { existsSync, readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { createProgram } from "./args.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { outputProblem } from "./report-output.ts";
import { UsageError } from "./usage-error.ts";

/**
 * The command line program. It parses, runs one command and turns what comes of it into an exit status; the commands
 * themselves are loaded only when they run.
 */

const writeErr = (text: string) => {
  process.stderr.write(text);
};

// Before anything is written: `ftptrace … | head` must end quietly, whatever else must say why it ends.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT_CODES.closedPipe);
    // Over the progress line, if there is one.
    const fresh = process.stderr.isTTY ? "\r\x1b[K" : "";
    if (stream === process.stdout) writeErr(`${fresh}ftptrace: standard output: ${outputProblem(error)}\n`);
    process.exit(EXIT_CODES.outputFailed);
  });

// Nothing left to do while the run still waits would end Node in silence.
process.exitCode = EXIT_CODES.bug;
process.once("exit", sayUnsettled);
void run(process.argv.slice(2)).then((exitCode) => {
  process.off("exit", sayUnsettled);
  process.exitCode = exitCode;
});

function sayUnsettled(exitCode: number): void {
  if (exitCode !== EXIT_CODES.bug) return;
  writeErr("ftptrace: internal error: the run never came to its end; please report it with the command line\n");
}

async function run(words: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT_CODES.ok;
  const program = createProgram(
    ownVersion(),
    {
      async analyze(request) {
        const { analyzeCommand } = await import("./analyze-command.ts");
        exitCode = await analyzeCommand(request);
      },
      async extract(request) {
        const { extractCommand } = await import("./extract-command.ts");
        exitCode = await extractCommand(request);
      },
      async advise(request) {
        const { adviseCommand } = await import("./advise-command.ts");
        exitCode = await adviseCommand(request);
      },
      async explain(request) {
        const { explainCommand } = await import("./explain-command.ts");
        explainCommand(request);
      },
      async completion(tree, shell) {
        const { completionCommand } = await import("./completion-command.ts");
        completionCommand(tree, shell);
      },
      async manual(tree) {
        const { manualCommand } = await import("./manual-command.ts");
        manualCommand(tree, ownVersion());
      },
    },
    {
      writeOut: (text) => {
        process.stdout.write(text);
      },
      writeErr,
    },
  );
  try {
    const [first = ""] = words;
    const isRead = first === "-r"; // as tcpdump and tshark are told what to read
    // In this order: under Node's permission model asking for a file that may not be read is an error.
    if (!program.commands.some((command) => command.name() === first) && (isRead || first === "-" || existsSync(first)))
      throw new UsageError(
        `'${first}' is no command; did you mean: ftptrace analyze ${words.slice(Number(isRead)).join(" ")}`,
      );
    await program.parseAsync(words, { from: "user" });
    return exitCode;
  } catch (error) {
    return exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  if (error instanceof UsageError) {
    writeErr(`ftptrace: ${error.message}\n`);
    return EXIT_CODES.usage;
  }
  const trace = error instanceof Error ? error.stack : String(error);
  writeErr(
    `ftptrace: internal error; please report it with the command line and, if you can share it, the capture\n${trace}\n`,
  );
  return EXIT_CODES.bug;
}

function ownVersion(): string {
  const description: { version: string } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  );
  return description.version;
}
