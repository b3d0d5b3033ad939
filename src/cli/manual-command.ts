import type { Command } from "commander";
import { type CommandFacts, commandFacts, type OptionFacts, optionFacts } from "./command-tree.ts";
import { EXIT_STATUSES } from "./exit-code.ts";

/** `ftptrace manual`: the manual page as roff, for man(1): `ftptrace manual | man -l -`. */
export function manualCommand(program: Command, version: string): void {
  process.stdout.write(manualPage(program, version));
}

/** The manual page, made from the same command tree as the help. */
export function manualPage(program: Command, version: string): string {
  const name = program.name();
  const commands = commandFacts(program);
  return `${[
    `.TH ${name.toUpperCase()} 1 "" "${name} ${version}" "User Commands"`,
    ".SH NAME",
    `${name} \\- ${roff(sentenceCase(program.description()))}`,
    ".SH SYNOPSIS",
    ...commands.map(
      ({ name: command, argument }) => `.B ${name} ${roff(command)}\n${roff(`[option...] ${argument}`)}\n.br`,
    ),
    ".SH OPTIONS",
    ...optionFacts(program).map(optionText),
    ".SH COMMANDS",
    ...commands.map((command) => commandText(name, command)),
    ".SH EXIT STATUS",
    ...Object.values(EXIT_STATUSES).map(({ status, says }) => `.TP\n.B ${status}\n${roff(sentence(says))}`),
    ".SH ENVIRONMENT",
    `.TP\n.B NO_COLOR\n${roff("No colours, whatever the terminal can do, unless --color always.")}`,
    `.TP\n.B COLUMNS\n${roff("The width of text where standard output is no terminal.")}`,
    ".SH SEE ALSO",
    ".BR tshark (1),\n.BR tcpdump (8),\n.BR capinfos (1)",
  ].join("\n")}\n`;
}

function commandText(name: string, { name: command, description, argument, options }: CommandFacts): string {
  return [
    `.SS ${name} ${roff(command)} ${roff(argument)}`.trimEnd(),
    roff(description),
    ...options.map(optionText),
  ].join("\n");
}

function optionText({ short, long, value, description, values, standard }: OptionFacts): string {
  const flags = `${short === null ? "" : `${short}, `}${long}${value === null ? "" : ` ${value}`}`;
  const choices = typeof values === "string" || value === null ? "" : ` One of: ${values.join(", ")}.`;
  const usual = standard === null ? "" : ` Default: ${standard}.`;
  return `.TP\n.B ${roff(flags)}\n${roff(`${sentence(description)}${choices}${usual}`)}`;
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /\.\)?$/.test(capital) ? capital : `${capital}.`;
}

function sentenceCase(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, "");
}

/** Text for roff: backslashes and hyphens mean themselves, and no line begins like a request. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/gm, "\\&");
}
