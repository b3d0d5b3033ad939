/** What standard output is, for whoever lays out text for it. */

const DEFAULT_WIDTH = 80;

/** Columns to use: what was asked for, else the terminal's, else `COLUMNS`, else 80. @param toStdout the text goes to standard output */
export function widthOf(asked: number | null, toStdout: boolean): number {
  if (asked !== null) return asked;
  const toTerminal = toStdout && process.stdout.isTTY === true;
  return (toTerminal ? process.stdout.columns : Number(process.env["COLUMNS"])) || DEFAULT_WIDTH;
}

/** Whether to colour; `auto` does on a terminal that takes it, unless NO_COLOR (https://no-color.org) is set. */
export function wantsColour(asked: "auto" | "always" | "never", toStdout: boolean): boolean {
  if (asked !== "auto") return asked === "always";
  const { NO_COLOR, TERM } = process.env;
  return toStdout && process.stdout.isTTY === true && !NO_COLOR && TERM !== "dumb";
}
