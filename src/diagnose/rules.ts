import type { CauseId } from "./cause.ts";
import { rule as activeInboundBlocked } from "./causes/active-inbound-blocked.ts";
import { rule as activeInboundRejected } from "./causes/active-inbound-rejected.ts";
import { rule as authTlsBlocked } from "./causes/auth-tls-blocked.ts";
import { rule as authTlsRefused } from "./causes/auth-tls-refused.ts";
import { rule as controlConnectionLost } from "./causes/control-connection-lost.ts";
import { rule as controlIcmpProhibited } from "./causes/control-icmp-prohibited.ts";
import { sessionRule as controlIdle, channelRule as controlIdleTimeout } from "./causes/control-idle-timeout.ts";
import { rule as controlPortFiltered } from "./causes/control-port-filtered.ts";
import { rule as controlPortRejected } from "./causes/control-port-rejected.ts";
import { rule as dataConnectionReset } from "./causes/data-connection-reset.ts";
import { rule as dataNotNegotiated } from "./causes/data-not-negotiated.ts";
import { rule as dataPeerMismatch } from "./causes/data-peer-mismatch.ts";
import { rule as dataPortFiltered } from "./causes/data-port-filtered.ts";
import { rule as dataPortRejected } from "./causes/data-port-rejected.ts";
import { greetingRule as dataPortGreets, rule as dataPortTranslated } from "./causes/data-port-translated.ts";
import { rule as dataProtectionRequired } from "./causes/data-protection-required.ts";
import { rule as dataStalled } from "./causes/data-stalled.ts";
import { rule as dataTlsHandshakeFailed } from "./causes/data-tls-handshake-failed.ts";
import { rule as epsvRefused } from "./causes/epsv-refused.ts";
import { rule as icmpProhibited } from "./causes/icmp-prohibited.ts";
import { rule as loginFailed } from "./causes/login-failed.ts";
import { rule as mtuBlackhole } from "./causes/mtu-blackhole.ts";
import { rule as negotiationBlocked } from "./causes/negotiation-blocked.ts";
import { rule as negotiationDroppedByHelper } from "./causes/negotiation-dropped-by-helper.ts";
import { rule as passivePortsExhausted } from "./causes/passive-ports-exhausted.ts";
import { rule as pasvPrivateAddress } from "./causes/pasv-private-address.ts";
import { rule as pasvRefused } from "./causes/pasv-refused.ts";
import { rule as pasvUnusableAddress } from "./causes/pasv-unusable-address.ts";
import { rule as pasvWrongAddress } from "./causes/pasv-wrong-address.ts";
import { rule as portPrivateAddress } from "./causes/port-private-address.ts";
import { rule as portRefused } from "./causes/port-refused.ts";
import { rule as serverBusy } from "./causes/server-busy.ts";
import { rule as synNotSeen } from "./causes/syn-not-seen.ts";
import { rule as tlsSessionReuseRequired } from "./causes/tls-session-reuse-required.ts";
import { rule as transferTruncated } from "./causes/transfer-truncated.ts";
import type { ChannelRule, SessionRule } from "./context.ts";
import { rule as inferredChannel } from "./inferred-channel.ts";

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
  { cause: "data-protection-required", rule: dataProtectionRequired },
  { cause: "passive-ports-exhausted", rule: passivePortsExhausted },
  { cause: "data-peer-mismatch", rule: dataPeerMismatch },
  { cause: "data-not-negotiated", rule: dataNotNegotiated },
  { cause: "negotiation-dropped-by-helper", rule: negotiationDroppedByHelper },
  { cause: "negotiation-blocked", rule: negotiationBlocked },
  { cause: "pasv-unusable-address", rule: pasvUnusableAddress },
  { cause: "pasv-private-address", rule: pasvPrivateAddress },
  { cause: "port-private-address", rule: portPrivateAddress },
  { cause: "port-refused", rule: portRefused },
  { cause: "epsv-refused", rule: epsvRefused },
  { cause: "pasv-refused", rule: pasvRefused },
  { cause: "pasv-wrong-address", rule: pasvWrongAddress },
  { cause: "icmp-prohibited", rule: icmpProhibited },
  { cause: "data-port-rejected", rule: dataPortRejected },
  { cause: "data-port-filtered", rule: dataPortFiltered },
  { cause: "active-inbound-rejected", rule: activeInboundRejected },
  { cause: "active-inbound-blocked", rule: activeInboundBlocked },
  { cause: "syn-not-seen", rule: synNotSeen },
  { cause: "syn-not-seen", rule: inferredChannel },
  { cause: "data-port-translated", rule: dataPortGreets },
  { cause: "mtu-blackhole", rule: mtuBlackhole },
  { cause: "tls-session-reuse-required", rule: tlsSessionReuseRequired },
  { cause: "data-tls-handshake-failed", rule: dataTlsHandshakeFailed },
  { cause: "data-connection-reset", rule: dataConnectionReset },
  { cause: "transfer-truncated", rule: transferTruncated },
  { cause: "data-stalled", rule: dataStalled },
  { cause: "control-idle-timeout", rule: controlIdleTimeout },
  { cause: "data-port-translated", rule: dataPortTranslated },
];

/** The rules for the control connection itself, asked when no data channel carries the cause. */
export const SESSION_RULES: readonly RuleEntry<SessionRule>[] = [
  { cause: "control-icmp-prohibited", rule: controlIcmpProhibited },
  { cause: "control-port-rejected", rule: controlPortRejected },
  { cause: "control-port-filtered", rule: controlPortFiltered },
  { cause: "server-busy", rule: serverBusy },
  { cause: "auth-tls-blocked", rule: authTlsBlocked },
  { cause: "auth-tls-refused", rule: authTlsRefused },
  { cause: "login-failed", rule: loginFailed },
  { cause: "control-idle-timeout", rule: controlIdle },
  { cause: "control-connection-lost", rule: controlConnectionLost },
];
