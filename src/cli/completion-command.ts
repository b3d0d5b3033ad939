import type { Command } from "commander";
import type { Shell } from "./args.ts";
import { type CommandFacts, commandFacts, type OptionFacts, type Values } from "./command-tree.ts";
import { EXPLAINED_IDS } from "./explain-command.ts";

/** `ftptrace completion`: the script that lets a shell complete commands, options, their values and file names. */
export function completionCommand(program: Command, shell: Shell): void {
  process.stdout.write(completionScript(program, shell));
}

/** The script itself. */
export function completionScript(program: Command, shell: Shell): string {
  const name = program.name();
  const commands = commandFacts(program).map((command) =>
    command.name === "explain" ? { ...command, values: EXPLAINED_IDS } : command,
  );
  return WRITERS[shell](name, commands);
}

const WRITERS: Readonly<Record<Shell, (name: string, commands: readonly CommandFacts[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function bashScript(name: string, commands: readonly CommandFacts[]): string {
  const perCommand = commands.map(({ name: command, options, values }) => {
    const cases = options.flatMap((option) =>
      option.value === null ? [] : [`        ${flagsOf(option).join("|")}) ${bashReply(option.values)}; return ;;`],
    );
    return [
      `    ${command})`,
      ...(cases.length > 0 ? ["      case $previous in", ...cases, "      esac"] : []),
      `      if [[ $current == -* ]]; then ${bashReply(options.flatMap(flagsOf))}`,
      `      else ${bashReply(values)}; fi ;;`,
    ].join("\n");
  });
  return `# ${name} completion for bash. Load it with: source <(${name} completion bash)
_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    ${bashReply([...commands.map((command) => command.name), "--help", "--version"])}
    return
  fi
  case \${COMP_WORDS[1]} in
${perCommand.join("\n")}
  esac
}
complete -o filenames -F _${name} ${name}
`;
}

function bashReply(values: Values): string {
  if (values === "anything") return ":";
  const how = values === "file" ? "-f" : `-W ${quoted(values.join(" "))}`;
  return `mapfile -t COMPREPLY < <(compgen ${how} -- "$current")`;
}

function zshScript(name: string, commands: readonly CommandFacts[]): string {
  const escaped = (text: string) => text.replaceAll(/[[\]:\\]/g, "\\$&");
  const option = ({ short, long, description, value, values }: OptionFacts) => {
    const what = `[${escaped(description)}]${value === null ? "" : `:${escaped(value)}:${zshValues(values)}`}`;
    return short === null ? quoted(`*${long}${what}`) : `'*'{${short},${long}}${quoted(what)}`;
  };
  const perCommand = commands.map(({ name: command, options, values }) =>
    [
      `    ${command})`,
      "      _arguments \\",
      ...options.map((each) => `        ${option(each)} \\`),
      `        ${quoted(`*:argument:${zshValues(values)}`)} ;;`,
    ].join("\n"),
  );
  return `#compdef ${name}
# ${name} completion for zsh. Load it with: source <(${name} completion zsh)
_${name}() {
  if ((CURRENT == 2)); then
    local -a commands
    commands=(
${commands.map(({ name: command, summary }) => `      ${quoted(`${command}:${escaped(summary)}`)}`).join("\n")}
    )
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${perCommand.join("\n")}
  esac
}
if [[ $funcstack[1] == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function zshValues(values: Values): string {
  return values === "file" ? "_files" : values === "anything" ? " " : `(${values.join(" ")})`;
}

function fishScript(name: string, commands: readonly CommandFacts[]): string {
  const lines = commands.flatMap(({ name: command, summary, options, values }) => {
    const here = `complete -c ${name} -n ${quoted(`__fish_seen_subcommand_from ${command}`)}`;
    return [
      `complete -c ${name} -n __fish_use_subcommand -f -a ${command} -d ${quoted(summary)}`,
      ...options.map(({ short, long, description, value, values: allowed }) => {
        const flags = `${short === null ? "" : `-s ${short.slice(1)} `}-l ${long.slice(2)}`;
        const takes = value === null ? "" : allowed === "file" ? " -r -F" : ` -x${fishValues(allowed)}`;
        return `${here} ${flags}${takes} -d ${quoted(description)}`;
      }),
      ...(values === "file" ? [`${here} -F`] : [`${here} -f${fishValues(values)}`]),
    ];
  });
  return `# ${name} completion for fish. Load it with: ${name} completion fish | source\n${lines.join("\n")}\n`;
}

function fishValues(values: Values): string {
  return typeof values === "string" ? "" : ` -a ${quoted(values.join(" "))}`;
}

function flagsOf({ short, long }: OptionFacts): string[] {
  return short === null ? [long] : [short, long];
}

/** A word of any of the three shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
