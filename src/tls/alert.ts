/** TLS alert descriptions (RFC 8446 section 6) that FTP users meet. */
const ALERTS: Readonly<Record<number, string>> = {
  0: "close_notify",
  10: "unexpected_message",
  20: "bad_record_mac",
  40: "handshake_failure",
  42: "bad_certificate",
  43: "unsupported_certificate",
  44: "certificate_revoked",
  45: "certificate_expired",
  46: "certificate_unknown",
  47: "illegal_parameter",
  48: "unknown_ca",
  50: "decode_error",
  51: "decrypt_error",
  70: "protocol_version",
  71: "insufficient_security",
  80: "internal_error",
  86: "inappropriate_fallback",
  112: "unrecognized_name",
  116: "certificate_required",
};

/** `unknown_ca (48)`. @param alert level and description, the two bytes of an alert in the clear */
export function alertName(alert: number): string {
  const description = alert & 0xff;
  return `${ALERTS[description] ?? "of unknown meaning"} (${description})`;
}
