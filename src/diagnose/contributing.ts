/** Circumstances that help a cause along and never stand alone, in words. */
export const CONTRIBUTING_TEXT = {
  "control-encrypted": {
    title: "the control connection is encrypted",
    meaning:
      "No NAT or firewall helper can read the negotiation, rewrite its address or open its port: a fixed forwarded passive range, EPSV, or CCC is needed.",
  },
  "helper-absent": {
    title: "no helper rewrote the address",
    meaning:
      "The negotiation was readable and yet its address crossed a NAT unchanged: the FTP helper is off, or does not know this control port.",
  },
  "client-obeys-private-address": {
    title: "the client obeys the private address",
    meaning:
      "Many clients connect to the control server's address instead when the advertised one is private; this one does not.",
  },
} as const satisfies Readonly<Record<string, { title: string; meaning: string }>>;

/** The id of such a circumstance: API as those of the causes. */
export type ContributingCauseId = keyof typeof CONTRIBUTING_TEXT;

/** The ids of all these circumstances. */
export const CONTRIBUTING_IDS = Object.keys(CONTRIBUTING_TEXT) as readonly ContributingCauseId[];
