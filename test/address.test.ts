import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AddressClass,
  classifyAddress,
  formatAddress,
  formatEndpoint,
  isPrivateUse,
  isUnusable,
  parseAddress,
} from "../src/address.ts";

/** Both edges of each block, and what stands just beside it (IANA special-purpose registries, with the RFC of each block). */
const CLASSES: readonly (readonly [AddressClass, ...string[]])[] = [
  ["private", "10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"], // RFC 1918
  ["cgnat", "100.64.0.0", "100.127.255.255"], // RFC 6598
  ["link-local", "169.254.0.1", "169.254.255.254", "fe80::1", "febf::1"], // RFC 3927, RFC 4291
  ["unique-local", "fc00::1", "fdff::1"], // RFC 4193
  ["loopback", "127.0.0.1", "127.255.255.254", "::1"],
  ["unspecified", "0.0.0.0", "0.1.2.3", "::"],
  ["multicast", "224.0.0.1", "239.255.255.255", "ff02::1"],
  ["broadcast", "255.255.255.255"],
  ["reserved", "240.0.0.1", "255.255.255.254", "no address", "1.2.3"], // RFC 1112
  ["public", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0"],
  ["public", "8.8.8.8", "192.167.255.255", "192.169.0.0", "2606:4700::1111"],
  // Captures made anonymous use these for public hosts: RFC 5737, RFC 2544, RFC 3849, RFC 9637.
  ["public", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "2001:db8::1", "3fff::1"],
];

test("classes of addresses, at the edges of their blocks", () => {
  for (const [kind, ...addresses] of CLASSES)
    for (const address of addresses) assert.equal(classifyAddress(address), kind, address);
});

test("an overlay's address is of the class of the IPv4 address in it: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056)", () => {
  for (const [address, kind] of [
    ["::ffff:10.0.0.1", "private"],
    ["::ffff:8.8.8.8", "public"],
    ["64:ff9b::a00:1", "private"],
    ["64:ff9b::808:808", "public"],
    ["2002:a00:1::1", "private"],
    ["2002:808:808::1", "public"],
  ])
    assert.equal(classifyAddress(address), kind, address);
});

test("who can be reached from elsewhere, and who by nobody", () => {
  const told = (address: string) => [isPrivateUse(address), isUnusable(address)];
  assert.deepEqual(told("192.168.1.1"), [true, false]);
  assert.deepEqual(told("100.64.0.1"), [true, false]);
  assert.deepEqual(told("fe80::1"), [true, false]);
  assert.deepEqual(told("8.8.8.8"), [false, false]);
  for (const address of ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"])
    assert.deepEqual(told(address), [false, true], address);
});

test("IPv6 text as RFC 5952 wants it", () => {
  for (const [written, canonical] of [
    ["2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"], // section 4.2.3: the first of two equal runs
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"], // section 4.2.2: one group is not shortened
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["::ffff:c000:0201", "::ffff:192.0.2.1"], // section 5
  ]) {
    const bytes = parseAddress(written);
    assert.ok(bytes, written);
    assert.equal(formatAddress(bytes, 0, 6), canonical);
  }
});

test("what is no address", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "1.2.3.4 ",
    "1..2.3",
    "0x7f.0.0.1",
    ":",
    ":::",
    "1::2::3",
    "12345::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::1.2.3",
    "fe80::1%eth0",
  ])
    assert.equal(parseAddress(text), undefined, text);
  // Not octal, as inet_aton reads it.
  assert.deepEqual([...(parseAddress("010.0.0.1") ?? [])], [10, 0, 0, 1]);
});

test("an endpoint's IPv6 address stands in brackets", () => {
  assert.equal(formatEndpoint({ address: "192.0.2.1", port: 21 }), "192.0.2.1:21");
  assert.equal(formatEndpoint({ address: "2001:db8::1", port: 21 }), "[2001:db8::1]:21");
});
