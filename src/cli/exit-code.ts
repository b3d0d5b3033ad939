/** What the exit status says; README.md lists the same. */
export const EXIT_CODES = {
  /** Everything was analysed; failed channels are a result, not an error. */
  ok: 0,
  /** With `--fail-on`: something failed. */
  failuresFound: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** An input is no capture or cannot be read; the other inputs were analysed. */
  inputUnusable: 3,
  /** All inputs are captures, and at least one was analysed only in part: cut off or damaged. */
  inputDamaged: 4,
  /** A bug of ours (EX_SOFTWARE). */
  bug: 70,
  /** The report could not be written (EX_IOERR). */
  outputFailed: 74,
  /** Interrupted (128 + SIGINT). */
  interrupted: 130,
  /** The reader of our output went away, as in `ftptrace … | head` (128 + SIGPIPE). */
  closedPipe: 141,
  /** Told to stop (128 + SIGTERM). */
  terminated: 143,
} as const satisfies Readonly<Record<string, number>>;

/** One of the exit statuses above. */
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];
