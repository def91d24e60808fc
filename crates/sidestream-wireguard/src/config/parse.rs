//! Reading a configuration, line by line.

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::str::FromStr;

use super::error::{ConfigDefect as Defect, ParseConfigError};
use super::{Config, Endpoint, Interface, Peer, Prefix};
use crate::key::{ParseKeyError, PrivateKey, PublicKey};

const INTERFACE: [&str; 5] = ["PrivateKey", "Address", "ListenPort", "MTU", "DNS"];
const PEER: [&str; 5] =
    ["PublicKey", "PresharedKey", "AllowedIPs", "Endpoint", "PersistentKeepalive"];
const COMMANDS: [&str; 4] = ["PreUp", "PostUp", "PreDown", "PostDown"];
const FOREIGN: [&str; 3] = ["Table", "FwMark", "SaveConfig"];

/// The least and the most that `MTU` may be: a datagram carries 32 bytes more.
const MTU: (u16, u16) = (576, 65_475);
/// More than this many are not told apart on the wire.
pub(crate) const MAX_PEERS: usize = 1 << 24;

impl FromStr for Config {
    type Err = ParseConfigError;

    fn from_str(text: &str) -> Result<Self, ParseConfigError> {
        let mut reader = Reader::default();
        let mut last = 1;
        for (index, line) in text.lines().enumerate() {
            last = index + 1;
            reader.line(line, last).map_err(|defect| ParseConfigError { line: last, defect })?;
        }
        reader.end(last)
    }
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    interface: Option<InterfaceSection>,
    peers: Vec<PeerSection>,
    is_in_peer: bool,
    keys: HashMap<PublicKey, ()>,
    ranges: HashMap<Prefix, usize>,
}

#[derive(Default)]
struct InterfaceSection {
    line: usize,
    private_key: Option<PrivateKey>,
    addresses: Vec<Prefix>,
    listen_port: Option<u16>,
    mtu: Option<u16>,
    dns: Vec<String>,
}

struct PeerSection {
    line: usize,
    key_line: usize,
    public_key: Option<PublicKey>,
    keepalive: Option<Option<NonZeroU16>>,
    peer: Peer,
}

impl Reader {
    fn line(&mut self, line: &str, number: usize) -> Result<(), Defect> {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            return Ok(());
        }
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            return self.section(section.trim(), number);
        }
        let (key, value) = line.split_once('=').ok_or(Defect::NoSetting)?;
        let (key, value) = (key.trim(), value.trim());
        if let Some(key) = named(key, &COMMANDS) {
            return Err(Defect::Command { key });
        }
        if let Some(key) = named(key, &FOREIGN) {
            return Err(Defect::Foreign { key });
        }
        if self.is_in_peer {
            let index = self.peers.len() - 1;
            let key = named(key, &PEER);
            let key = key.ok_or(Defect::UnknownKey { section: "Peer", known: &PEER })?;
            return self.peer_setting(index, key, value, number);
        }
        let section = self.interface.as_mut().ok_or(Defect::NoSection)?;
        let key = named(key, &INTERFACE);
        let key = key.ok_or(Defect::UnknownKey { section: "Interface", known: &INTERFACE })?;
        section.setting(key, value)
    }

    fn section(&mut self, name: &str, line: usize) -> Result<(), Defect> {
        if name.eq_ignore_ascii_case("Interface") {
            if self.interface.is_some() {
                return Err(Defect::Twice { key: "[Interface]" });
            }
            self.interface = Some(InterfaceSection { line, ..InterfaceSection::default() });
            self.is_in_peer = false;
            return Ok(());
        }
        if !name.eq_ignore_ascii_case("Peer") {
            return Err(Defect::UnknownSection);
        }
        if self.peers.len() >= MAX_PEERS {
            return Err(Defect::TooMany { max: MAX_PEERS });
        }
        // Its key is put in when it is there.
        let peer = Peer::new(PublicKey::from_bytes([0; 32]));
        let section = PeerSection { line, key_line: line, public_key: None, keepalive: None, peer };
        self.peers.push(section);
        self.is_in_peer = true;
        Ok(())
    }

    fn peer_setting(
        &mut self,
        index: usize,
        key: &'static str,
        value: &str,
        line: usize,
    ) -> Result<(), Defect> {
        let section = &mut self.peers[index];
        match key {
            "PublicKey" => {
                let public: PublicKey = secret(key, value)?;
                put(&mut section.public_key, key, public)?;
                section.key_line = line;
                if self.keys.insert(public, ()).is_some() {
                    return Err(Defect::PeerTwice { key: public });
                }
            }
            "PresharedKey" => put(&mut section.peer.preshared_key, key, secret(key, value)?)?,
            "AllowedIPs" => {
                for prefix in prefixes(key, value)? {
                    let prefix = prefix.masked();
                    match self.ranges.insert(prefix, index) {
                        None => section.peer.allowed_ips.push(prefix),
                        Some(owner) if owner == index => {}
                        Some(_) => return Err(Defect::AllowedIpTwice { prefix }),
                    }
                }
            }
            "Endpoint" => {
                let endpoint = value.parse::<Endpoint>();
                let endpoint = endpoint.map_err(|source| Defect::Endpoint { key, source })?;
                put(&mut section.peer.endpoint, key, endpoint)?;
            }
            _ => {
                let seconds = match value {
                    "off" => None,
                    value => NonZeroU16::new(number(key, value, (0, u16::MAX))?),
                };
                put(&mut section.keepalive, key, seconds)?;
            }
        }
        Ok(())
    }

    fn end(self, last: usize) -> Result<Config, ParseConfigError> {
        let at = |line| move |defect| ParseConfigError { line, defect };
        let section = self.interface.ok_or(Defect::NoInterface).map_err(at(last))?;
        let missing = Defect::Missing { key: "PrivateKey" };
        let private_key = section.private_key.ok_or(missing).map_err(at(section.line))?;
        let own = private_key.public_key();
        let peers = self.peers.into_iter().map(|section| {
            let missing = Defect::Missing { key: "PublicKey" };
            let public_key = section.public_key.ok_or(missing).map_err(at(section.line))?;
            if public_key == own {
                return Err(at(section.key_line)(Defect::SelfPeer));
            }
            let persistent_keepalive = section.keepalive.flatten();
            Ok(Peer { public_key, persistent_keepalive, ..section.peer })
        });
        let peers = peers.collect::<Result<_, _>>()?;
        let InterfaceSection { addresses, listen_port, mtu, dns, .. } = section;
        Ok(Config { interface: Interface { private_key, addresses, listen_port, mtu, dns }, peers })
    }
}

impl InterfaceSection {
    fn setting(&mut self, key: &'static str, value: &str) -> Result<(), Defect> {
        match key {
            "PrivateKey" => put(&mut self.private_key, key, secret(key, value)?),
            "Address" => {
                self.addresses.extend(prefixes(key, value)?);
                Ok(())
            }
            "ListenPort" => put(&mut self.listen_port, key, number(key, value, (0, u16::MAX))?),
            "MTU" => put(&mut self.mtu, key, number(key, value, MTU)?),
            _ => {
                self.dns.extend(items(value).map(ToOwned::to_owned));
                Ok(())
            }
        }
    }
}

/// Finds a name, as wg(8) does whatever its case, in its usual spelling.
fn named(name: &str, known: &'static [&'static str]) -> Option<&'static str> {
    known.iter().copied().find(|known| known.eq_ignore_ascii_case(name))
}

fn put<T>(place: &mut Option<T>, key: &'static str, value: T) -> Result<(), Defect> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Defect::Twice { key }),
    }
}

fn secret<T: FromStr<Err = ParseKeyError>>(key: &'static str, value: &str) -> Result<T, Defect> {
    value.parse().map_err(|source| Defect::Key { key, source })
}

fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn prefixes(key: &'static str, value: &str) -> Result<Vec<Prefix>, Defect> {
    let parsed = items(value).map(|item| item.parse());
    parsed.collect::<Result<_, _>>().map_err(|source| Defect::Prefix { key, source })
}

fn number(key: &'static str, value: &str, (min, max): (u16, u16)) -> Result<u16, Defect> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = value.parse().ok().filter(|number| is_number && (min..=max).contains(number));
    parsed.ok_or(Defect::Number { key, min, max })
}
