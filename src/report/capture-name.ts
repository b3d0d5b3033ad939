/** A capture that came through standard input is called as the command line calls it. */
const STANDARD_INPUT = "-";

/** Whether a capture of this name came through standard input. */
export function isStandardInput(name: string): boolean {
  return name === STANDARD_INPUT;
}

/** The file that a capture is called after; undefined for standard input, which is none. */
export function captureFile(name: string): string | undefined {
  return isStandardInput(name) ? undefined : name;
}

/** How people are told of a capture. */
export function displayName(name: string): string {
  return captureFile(name) ?? "standard input";
}
