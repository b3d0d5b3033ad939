import type { Command, Option } from "commander";

/** What may stand behind an option or as an argument: one of these words, a file, or anything. */
export type Values = readonly string[] | "file" | "anything";

/** An option as completion scripts and the manual page need it. */
export interface OptionFacts {
  /** `-f`; null: it has none. */
  readonly short: string | null;
  /** `--format`. */
  readonly long: string;
  readonly description: string;
  /** `<name>` as the help shows it; null: it takes no value. */
  readonly value: string | null;
  readonly values: Values;
  /** As the help shows it; null: none. */
  readonly standard: string | null;
}

/** A command as completion scripts and the manual page need it. */
export interface CommandFacts {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  /** `<file...>`, `[id]`; empty: it takes none. */
  readonly argument: string;
  readonly options: readonly OptionFacts[];
  readonly values: Values;
}

/** All commands of the program with all their options, `--help` too, read from commander's tree so that nothing is told twice. */
export function commandFacts(program: Command): CommandFacts[] {
  return program
    .createHelp()
    .visibleCommands(program)
    .map((command) => ({
      name: command.name(),
      summary: command.summary() || command.description(),
      description: command.description(),
      argument: command.registeredArguments
        .map((argument) => {
          const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
          return argument.required ? `<${name}>` : `[${name}]`;
        })
        .join(" "),
      options: optionFacts(command),
      values: argumentValues(program, command),
    }));
}

/** The options of one command. */
export function optionFacts(command: Command): OptionFacts[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map((option) => ({
      short: option.short ?? null,
      long: option.long ?? "",
      description: option.description,
      value: /(<[^>]+>|\[[^\]]+\])$/.exec(option.flags)?.[0] ?? null,
      values: optionValues(option),
      standard: option.defaultValue === undefined ? null : String(option.defaultValue),
    }));
}

function optionValues(option: Option): Values {
  return option.argChoices ?? (/<file(\.\w+)?>$/.test(option.flags) ? "file" : "anything");
}

function argumentValues(program: Command, command: Command): Values {
  const [argument] = command.registeredArguments;
  if (argument?.argChoices) return argument.argChoices;
  // the help command that commander adds
  if (argument?.name() === "command") return program.commands.map((other) => other.name());
  return argument?.name() === "file" ? "file" : "anything";
}
