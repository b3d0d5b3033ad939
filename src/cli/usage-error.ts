/** A request that makes no sense as it stands; the message says what to change, and the exit status is 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
