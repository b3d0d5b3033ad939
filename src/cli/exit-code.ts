/** Every exit status and what it says: the help and the manual page print this, README.md lists the same. */
export const EXIT_STATUSES = {
  ok: { status: 0, says: "analysed; failed channels are a result, not an error" },
  failuresFound: {
    status: 1,
    says: "--fail-on failed: a channel or a control connection failed; --fail-on any: or one was refused or is undetermined",
  },
  usage: { status: 2, says: "wrong usage" },
  inputUnusable: {
    status: 3,
    says: "an input is no capture or cannot be read; the other inputs were analysed",
  },
  inputDamaged: {
    status: 4,
    says: "an input was analysed only in part: cut off in a record, damaged, or with packets of a link type or interface that is not read",
  },
  // EX_SOFTWARE
  bug: { status: 70, says: "a bug in ftptrace; or --cross-check found that the two readers differ" },
  // EX_IOERR
  outputFailed: { status: 74, says: "the report could not be written" },
  // By a signal that we let through: what shells make of it.
  interrupted: { status: 130, says: "interrupted (128 + SIGINT)" },
  closedPipe: { status: 141, says: "the reader of the output has gone (128 + SIGPIPE)" },
  terminated: { status: 143, says: "told to end (128 + SIGTERM)" },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly says: string }>>;

type ExitName = keyof typeof EXIT_STATUSES;

/** The exit statuses by name. */
export const EXIT_CODES = Object.fromEntries(
  Object.entries(EXIT_STATUSES).map(([name, { status }]) => [name, status]),
) as { readonly [Name in ExitName]: (typeof EXIT_STATUSES)[Name]["status"] };

/** One of the exit statuses above. */
export type ExitCode = (typeof EXIT_STATUSES)[ExitName]["status"];
