/** What `--redact` takes out of a report. */
export const REDACTABLE = ["user", "path", "address"] as const;
export type Redactable = (typeof REDACTABLE)[number];
