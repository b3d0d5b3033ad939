import { type Cause, type CauseGroup, type CauseTrait, GROUP_TITLES } from "./cause.ts";
import * as activeInboundBlocked from "./causes/active-inbound-blocked.ts";
import * as activeInboundRejected from "./causes/active-inbound-rejected.ts";
import * as authTlsBlocked from "./causes/auth-tls-blocked.ts";
import * as authTlsRefused from "./causes/auth-tls-refused.ts";
import * as controlConnectionLost from "./causes/control-connection-lost.ts";
import * as controlIcmpProhibited from "./causes/control-icmp-prohibited.ts";
import * as controlIdleTimeout from "./causes/control-idle-timeout.ts";
import * as controlPortFiltered from "./causes/control-port-filtered.ts";
import * as controlPortRejected from "./causes/control-port-rejected.ts";
import * as dataConnectionReset from "./causes/data-connection-reset.ts";
import * as dataNotNegotiated from "./causes/data-not-negotiated.ts";
import * as dataPeerMismatch from "./causes/data-peer-mismatch.ts";
import * as dataPortFiltered from "./causes/data-port-filtered.ts";
import * as dataPortRejected from "./causes/data-port-rejected.ts";
import * as dataPortTranslated from "./causes/data-port-translated.ts";
import * as dataProtectionRequired from "./causes/data-protection-required.ts";
import * as dataStalled from "./causes/data-stalled.ts";
import * as dataTlsHandshakeFailed from "./causes/data-tls-handshake-failed.ts";
import * as epsvRefused from "./causes/epsv-refused.ts";
import * as icmpProhibited from "./causes/icmp-prohibited.ts";
import * as loginFailed from "./causes/login-failed.ts";
import * as mtuBlackhole from "./causes/mtu-blackhole.ts";
import * as negotiationBlocked from "./causes/negotiation-blocked.ts";
import * as negotiationDroppedByHelper from "./causes/negotiation-dropped-by-helper.ts";
import * as passivePortsExhausted from "./causes/passive-ports-exhausted.ts";
import * as pasvPrivateAddress from "./causes/pasv-private-address.ts";
import * as pasvRefused from "./causes/pasv-refused.ts";
import * as pasvUnusableAddress from "./causes/pasv-unusable-address.ts";
import * as pasvWrongAddress from "./causes/pasv-wrong-address.ts";
import * as portPrivateAddress from "./causes/port-private-address.ts";
import * as portRefused from "./causes/port-refused.ts";
import * as serverBusy from "./causes/server-busy.ts";
import * as synNotSeen from "./causes/syn-not-seen.ts";
import * as tlsSessionReuseRequired from "./causes/tls-session-reuse-required.ts";
import * as transferTruncated from "./causes/transfer-truncated.ts";
import type { ChannelRule, SessionRule } from "./context.ts";

/** All causes, in the order in which they are told. */
const CAUSES = [
  // negotiation
  pasvPrivateAddress.cause,
  pasvUnusableAddress.cause,
  pasvWrongAddress.cause,
  portPrivateAddress.cause,
  portRefused.cause,
  epsvRefused.cause,
  pasvRefused.cause,
  passivePortsExhausted.cause,
  negotiationBlocked.cause,
  negotiationDroppedByHelper.cause,
  dataNotNegotiated.cause,
  // connecting
  dataPortFiltered.cause,
  dataPortRejected.cause,
  icmpProhibited.cause,
  activeInboundBlocked.cause,
  activeInboundRejected.cause,
  synNotSeen.cause,
  dataPeerMismatch.cause,
  dataPortTranslated.cause,
  // data TLS
  dataProtectionRequired.cause,
  tlsSessionReuseRequired.cause,
  dataTlsHandshakeFailed.cause,
  // transfer
  dataConnectionReset.cause,
  dataStalled.cause,
  mtuBlackhole.cause,
  transferTruncated.cause,
  // control connection
  controlPortFiltered.cause,
  controlPortRejected.cause,
  controlIcmpProhibited.cause,
  authTlsBlocked.cause,
  authTlsRefused.cause,
  loginFailed.cause,
  controlConnectionLost.cause,
  controlIdleTimeout.cause,
  serverBusy.cause,
] as const;

/** The id of a cause. */
export type CauseId = (typeof CAUSES)[number]["id"];

/** The ids of all causes: API; they appear in reports, in `explain` and in SIEM rules. */
export const CAUSE_IDS: readonly CauseId[] = CAUSES.map(({ id }) => id);

/** The causes by their ids. */
export const CAUSE_TEXT = Object.fromEntries(CAUSES.map((cause: Cause) => [cause.id, cause])) as Readonly<
  Record<CauseId, Cause>
>;

/** The causes as a reader looks for them: by the part of the session that goes wrong, in the order of CAUSE_IDS. */
export const CAUSE_GROUPS: readonly { readonly title: CauseGroup; readonly causes: readonly CauseId[] }[] =
  GROUP_TITLES.map((title) => ({ title, causes: CAUSE_IDS.filter((id) => CAUSE_TEXT[id].group === title) }));

/** Whether a cause is of that kind. */
export function hasTrait(cause: CauseId, trait: CauseTrait): boolean {
  return CAUSE_TEXT[cause].traits.includes(trait);
}

/** A cause and its rule. */
export interface RuleEntry<Rule> {
  readonly cause: CauseId;
  readonly rule: Rule;
}

/**
 * The rules for data channels, in the order in which they are asked; the first that speaks decides. Reply text (as that server uses
 * it), then the class of the advertised address, then what became of the SYN, then TLS, the transfer, and the control connection.
 */
export const CHANNEL_RULES: readonly RuleEntry<ChannelRule>[] = [
  { cause: "data-protection-required", rule: dataProtectionRequired.rule },
  { cause: "port-refused", rule: portRefused.handedOnRule },
  { cause: "passive-ports-exhausted", rule: passivePortsExhausted.rule },
  { cause: "data-peer-mismatch", rule: dataPeerMismatch.rule },
  { cause: "data-not-negotiated", rule: dataNotNegotiated.rule },
  { cause: "data-not-negotiated", rule: dataNotNegotiated.hiddenRule },
  { cause: "negotiation-dropped-by-helper", rule: negotiationDroppedByHelper.rule },
  { cause: "negotiation-blocked", rule: negotiationBlocked.rule },
  { cause: "pasv-unusable-address", rule: pasvUnusableAddress.rule },
  { cause: "pasv-private-address", rule: pasvPrivateAddress.rule },
  { cause: "port-private-address", rule: portPrivateAddress.rule },
  { cause: "port-refused", rule: portRefused.rule },
  { cause: "epsv-refused", rule: epsvRefused.rule },
  { cause: "pasv-refused", rule: pasvRefused.rule },
  { cause: "pasv-wrong-address", rule: pasvWrongAddress.rule },
  { cause: "icmp-prohibited", rule: icmpProhibited.rule },
  { cause: "data-port-rejected", rule: dataPortRejected.rule },
  { cause: "data-port-filtered", rule: dataPortFiltered.rule },
  { cause: "active-inbound-rejected", rule: activeInboundRejected.rule },
  { cause: "active-inbound-blocked", rule: activeInboundBlocked.rule },
  { cause: "syn-not-seen", rule: synNotSeen.rule },
  { cause: "syn-not-seen", rule: synNotSeen.inferredRule },
  { cause: "data-port-translated", rule: dataPortTranslated.greetingRule },
  { cause: "mtu-blackhole", rule: mtuBlackhole.rule },
  { cause: "tls-session-reuse-required", rule: tlsSessionReuseRequired.rule },
  { cause: "data-tls-handshake-failed", rule: dataTlsHandshakeFailed.rule },
  { cause: "data-connection-reset", rule: dataConnectionReset.rule },
  { cause: "transfer-truncated", rule: transferTruncated.rule },
  { cause: "data-stalled", rule: dataStalled.rule },
  { cause: "control-idle-timeout", rule: controlIdleTimeout.channelRule },
  { cause: "data-port-translated", rule: dataPortTranslated.rule },
];

/** The rules for the control connection itself, asked when no data channel carries the cause. */
export const SESSION_RULES: readonly RuleEntry<SessionRule>[] = [
  { cause: "control-icmp-prohibited", rule: controlIcmpProhibited.rule },
  { cause: "control-port-rejected", rule: controlPortRejected.rule },
  { cause: "control-port-filtered", rule: controlPortFiltered.rule },
  { cause: "server-busy", rule: serverBusy.rule },
  { cause: "auth-tls-blocked", rule: authTlsBlocked.rule },
  { cause: "auth-tls-refused", rule: authTlsRefused.rule },
  { cause: "login-failed", rule: loginFailed.rule },
  { cause: "control-idle-timeout", rule: controlIdleTimeout.sessionRule },
  { cause: "control-connection-lost", rule: controlConnectionLost.rule },
];
