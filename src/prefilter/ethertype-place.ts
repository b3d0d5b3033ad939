/** Where the EtherType and the IP header stand in the frames of a link type, and whether they may be of netlink. */
export interface EtherTypePlace {
  readonly linkType: number;
  readonly typeAt: number;
  /** IPv4 or IPv6, or four bytes more behind one VLAN tag. */
  readonly ipAt: number;
  /** Offset of the ARPHRD_ value of Linux cooked frames; 0: there is none. */
  readonly arphrdAt: number;
}

/** The link types of nearly all captures, by LINKTYPE_ value: their packets have short ways of their own. */
export const ETHERTYPE_PLACES: readonly EtherTypePlace[] = [
  { linkType: 1, typeAt: 12, ipAt: 14, arphrdAt: 0 }, // Ethernet
  { linkType: 113, typeAt: 14, ipAt: 16, arphrdAt: 2 }, // Linux cooked
  { linkType: 276, typeAt: 0, ipAt: 20, arphrdAt: 8 }, // Linux cooked v2
];
