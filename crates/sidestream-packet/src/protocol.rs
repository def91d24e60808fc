//! Numbers of protocols, as IPv4 calls them, and of next headers, as IPv6 does (IANA's registry
//! of protocol numbers).

/// Hop-by-hop options of IPv6 (RFC 8200 §4.3).
pub const HOP_BY_HOP: u8 = 0;
/// ICMP for IPv4 (RFC 792).
pub const ICMP: u8 = 1;
/// TCP (RFC 9293).
pub const TCP: u8 = 6;
/// UDP (RFC 768).
pub const UDP: u8 = 17;
/// The routing header of IPv6 (RFC 8200 §4.4).
pub const ROUTING: u8 = 43;
/// The fragment header of IPv6 (RFC 8200 §4.5).
pub const FRAGMENT: u8 = 44;
/// The authentication header (RFC 4302).
pub const AUTHENTICATION: u8 = 51;
/// ICMP for IPv6 (RFC 4443).
pub const ICMPV6: u8 = 58;
/// Destination options of IPv6 (RFC 8200 §4.6).
pub const DESTINATION_OPTIONS: u8 = 60;
