import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { CONTROL_PORTS } from "../../src/analyze.ts";
import { type CommandHandlers, createProgram, SHELLS } from "../../src/cli/args.ts";
import { commandFacts } from "../../src/cli/command-tree.ts";
import { completionScript } from "../../src/cli/completion-command.ts";
import { EXIT_CODES } from "../../src/cli/exit-code.ts";
import { manualPage } from "../../src/cli/manual-command.ts";
import { OUTPUT_FORMAT_NAMES } from "../../src/report/formats.ts";
import { runCli } from "./run-cli.ts";

const never = () => Promise.reject(new Error("nothing is to run"));
const handlers: CommandHandlers = {
  analyze: never,
  extract: never,
  advise: never,
  explain: never,
  completion: never,
  manual: never,
};
const program = createProgram("1.2.3", handlers, { writeOut: () => {}, writeErr: () => {} });

/** Every long option of every command as commander itself knows it. */
const known = program.commands.flatMap((command) =>
  command.options.map((option) => [command.name(), option.short, option.long] as const),
);

describe("the command tree", () => {
  test("tells all commands and options", () => {
    assert.deepEqual(
      commandFacts(program).map(({ name }) => name),
      ["analyze", "extract", "advise", "explain", "completion", "manual", "help"],
    );
    const told = commandFacts(program).flatMap(({ name, options }) =>
      options.map(({ short, long }) => `${name} ${short} ${long}`),
    );
    for (const [command, short, long] of known) assert.ok(told.includes(`${command} ${short ?? null} ${long}`), long);
    assert.ok(known.length > 20);
  });

  test("the ports that need no --ftp-port are those of the analysis", () => {
    const ports = CONTROL_PORTS.join(", ").replace(/, (\d+)$/, " and $1");
    const told = commandFacts(program).flatMap(({ options }) => options.filter(({ long }) => long === "--ftp-port"));
    assert.equal(told.length, 3);
    for (const { description } of told) assert.ok(description.includes(`besides ${ports};`), description);
    assert.ok(readFileSync("README.md", "utf8").includes(`on ports ${ports}, on each`));
  });

  test("no option speaks of another that its command does not have", () => {
    for (const { name, options } of commandFacts(program))
      for (const { long, description } of options)
        for (const [other] of description.matchAll(/--[a-z-]+/g))
          assert.ok(
            options.some((each) => each.long === other),
            `${name} ${long}: ${other}`,
          );
  });

  test("tells what may stand behind an option", () => {
    const analyze = commandFacts(program).find(({ name }) => name === "analyze");
    const option = (long: string) => analyze?.options.find((each) => each.long === long);
    assert.deepEqual(option("--format")?.values, OUTPUT_FORMAT_NAMES);
    assert.deepEqual([option("--output")?.values, option("--output")?.value], ["file", "<file>"]);
    assert.deepEqual([option("--report")?.values, option("--report")?.value], ["file", "<file.html>"]);
    assert.deepEqual([option("--width")?.values, option("--force")?.value], ["anything", null]);
    assert.equal(analyze?.values, "file");
  });
});

describe("completion scripts", () => {
  for (const shell of SHELLS)
    test(`${shell}: every option of every command appears`, () => {
      const script = completionScript(program, shell);
      // fish writes `-l format`, on a line with the command; the others have a part for each command.
      for (const [command, short, long = ""] of known) {
        const part =
          shell === "fish"
            ? script
                .split("\n")
                .filter((line) => line.includes(`__fish_seen_subcommand_from ${command}'`))
                .join("\n")
            : (script.split(new RegExp(`^ {4}${command}\\)$`, "m"))[1] ?? "").split(/^ {4}\w+\)$/m)[0];
        const wanted = shell === "fish" ? `-l ${long.slice(2)} ` : long;
        assert.ok(part?.includes(wanted), `${command} ${long}`);
        if (short) assert.ok(part?.includes(shell === "fish" ? `-s ${short.slice(1)} ` : short), `${command} ${short}`);
      }
    });

  test("the script comes from the command, for a shell that there is", async () => {
    const { status, stdout, stderr } = await runCli(["completion", "bash"]);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^# ftptrace completion for bash/);
    assert.equal((await runCli(["completion", "csh"])).status, 2);
  });
});

describe("bash", { skip: spawnSync("bash", ["--version"]).error ? "no bash" : false }, () => {
  /** What bash offers for the last of the words. */
  function complete(...words: string[]): string[] {
    const script = `
${completionScript(program, "bash")}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_ftptrace
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { status, stdout, stderr } = spawnSync("bash", ["-c", script, "bash", "ftptrace", ...words], {
      encoding: "utf8",
    });
    assert.deepEqual([status, stderr], [0, ""]);
    return stdout.trimEnd().split("\n");
  }

  const cases: [words: string[], offered: string[]][] = [
    [["ex"], ["extract", "explain"]],
    [
      ["analyze", "--for"],
      ["--format", "--force"],
    ],
    [["analyze", "--format", ""], OUTPUT_FORMAT_NAMES],
    [["analyze", "-f", "n"], ["ndjson"]],
    [["explain", "pasv-p"], ["pasv-private-address"]],
    [["extract", "--fai"], ["--failed"]],
    [["completion", "z"], ["zsh"]],
    [["help", "ad"], ["advise"]],
    [["analyze", "package.j"], ["package.json"]],
    [["analyze", "--output", "package.j"], ["package.json"]],
    [["analyze", "--report", "package.j"], ["package.json"]],
    [["analyze", "--width", "8"], [""]],
  ];
  for (const [words, offered] of cases)
    test(words.join(" "), () => {
      assert.deepEqual(complete(...words), offered);
    });
});

describe("the manual page", () => {
  const page = manualPage(program, "1.2.3");

  test("names every command and option, and every exit status", () => {
    const plain = page.replaceAll("\\-", "-");
    for (const [command, , long = ""] of known) {
      const [, section = ""] = plain.split(`.SS ftptrace ${command}`);
      assert.ok(section.split(/^\.S[SH]/m)[0]?.includes(long), `${command} ${long}`);
    }
    for (const status of Object.values(EXIT_CODES)) assert.match(plain, new RegExp(`^\\.B ${status}$`, "m"));
    assert.match(plain, /^\.TH FTPTRACE 1 "" "ftptrace 1\.2\.3"/);
  });

  test("groff has nothing to complain about", { skip: spawnSync("groff", ["-v"]).error ? "no groff" : false }, () => {
    const { status, stdout, stderr } = spawnSync("groff", ["-man", "-Tutf8", "-ww"], { input: page, encoding: "utf8" });
    assert.deepEqual([status, stderr], [0, ""]);
    // groff prints bold by overstriking
    assert.match(stdout.replaceAll(/.\x08/g, ""), /--headers-only/);
  });
});
