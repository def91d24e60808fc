//! Hosts in memory, what they serve, and the links between them.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, ensure};
use sidestream_capture::Association as _;
use tokio::time::sleep_until;

use super::mail::{Mail, mail};
use super::pipe::{End, pair};
use super::way::Way;
use crate::model::{Family, Quality, Serve, Service};
use crate::origin::{Names, Site};

/// The ports of clients begin here.
const FIRST_EPHEMERAL: u16 = 32_768;

/// How many bytes the packets have that open a connection.
const SYN: usize = 8;

/// All hosts; clones share them.
#[derive(Clone, Default)]
pub(super) struct Net(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    hosts: Vec<Host>,
    /// The way from one host to another, where it is not perfect.
    ways: BTreeMap<(usize, usize), Way>,
    opened: u16,
}

struct Host {
    name: String,
    addrs: [IpAddr; 2],
    /// What is there, by port and whether it is UDP.
    ports: BTreeMap<(u16, bool), Port>,
}

#[derive(Clone)]
enum Port {
    Site(Arc<Site>),
    Silence,
}

/// What somebody meets who comes to a port.
struct Met {
    /// `None` if nobody is there.
    port: Option<Port>,
    ways: [Way; 2],
}

impl Net {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a host.
    pub(super) fn add(&self, name: &str) -> Result<()> {
        let mut inner = self.lock();
        ensure!(inner.number(name).is_err(), "there is a host {name} already");
        let number = u8::try_from(inner.hosts.len() + 1).context("there are 255 hosts at most")?;
        let v4 = Ipv4Addr::new(10, 77, 0, number);
        let v6 = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, number.into());
        let addrs = [v4.into(), v6.into()];
        inner.hosts.push(Host { name: name.to_owned(), addrs, ports: BTreeMap::new() });
        Ok(())
    }

    /// Returns the number of a host.
    pub(super) fn number(&self, name: &str) -> Result<usize> {
        self.lock().number(name)
    }

    /// Returns all addresses by name.
    pub(super) fn names(&self) -> Names {
        let hosts = &self.lock().hosts;
        hosts.iter().map(|host| (host.name.clone(), host.addrs.to_vec())).collect()
    }

    /// Returns the address of a name.
    pub(super) fn resolve(&self, name: &str, family: Family) -> Option<IpAddr> {
        let inner = self.lock();
        let host = inner.hosts.iter().find(|host| host.name == name)?;
        Some(host.addrs[usize::from(family == Family::V6)])
    }

    /// Returns an address of that host, and a port that nobody has had before.
    pub(super) fn client(&self, host: usize, like: SocketAddr) -> SocketAddr {
        let mut inner = self.lock();
        // More than there are begin anew, as in a kernel.
        inner.opened = (inner.opened + 1) % (u16::MAX - FIRST_EPHEMERAL);
        let port = FIRST_EPHEMERAL + inner.opened;
        SocketAddr::new(inner.hosts[host].addrs[usize::from(like.is_ipv6())], port)
    }

    pub(super) fn link(&self, one: &str, other: &str, quality: &Quality) -> Result<()> {
        let mut inner = self.lock();
        let (one, other) = (inner.number(one)?, inner.number(other)?);
        inner.ways.insert((one, other), Way::new(quality, 0));
        inner.ways.insert((other, one), Way::new(quality, 1));
        Ok(())
    }

    /// Serves on a host; `site` makes the origin of what has one.
    pub(super) fn serve(&self, host: &str, serve: &Serve, site: Option<Site>) -> Result<()> {
        let mut inner = self.lock();
        let number = inner.number(host)?;
        let ports = &mut inner.hosts[number].ports;
        let at = |is_udp| (serve.port, is_udp);
        match site {
            Some(site) => {
                let key = at(site.is_udp());
                ensure!(!ports.contains_key(&key), "port {} is taken", serve.port);
                ports.insert(key, Port::Site(Arc::new(site)));
            }
            None if serve.service == Service::Silence => {
                ports.insert(at(false), Port::Silence);
                ports.insert(at(true), Port::Silence);
            }
            // That is how ports are.
            None => {}
        }
        Ok(())
    }

    /// Connects from a host to an address.
    pub(super) async fn connect(&self, from: usize, to: SocketAddr) -> io::Result<End> {
        let client = self.client(from, to);
        let Met { port, ways } = self.lock().meet(from, to, false)?;
        sleep_until(ways[0].segment(SYN)).await;
        let site = match port {
            Some(Port::Site(site)) => site,
            Some(Port::Silence) => std::future::pending().await,
            None => {
                sleep_until(ways[1].segment(SYN)).await;
                return Err(ErrorKind::ConnectionRefused.into());
            }
        };
        let established = ways[1].segment(SYN);
        let (end, other) = pair(ways, [client, to], established);
        tokio::spawn(async move { site.connection(Box::new(other)).await });
        sleep_until(established).await;
        Ok(end)
    }

    /// Makes a socket on a host that speaks to one address.
    pub(super) fn associate(&self, from: usize, to: SocketAddr) -> io::Result<Mail> {
        let Met { port, ways } = self.lock().meet(from, to, true)?;
        let (end, mut other) = mail(ways);
        match port {
            // Whoever sends to where nobody is any more is refused.
            None => drop(other),
            Some(Port::Silence) => {
                tokio::spawn(async move {
                    while let Ok(Some(_)) = poll_fn(|cx| other.poll_recv(cx)).await {}
                });
            }
            Some(Port::Site(site)) => {
                tokio::spawn(async move { talk(&site, other).await });
            }
        }
        Ok(end)
    }
}

/// Answers one peer's datagrams.
async fn talk(site: &Site, mut mail: Mail) {
    let mut talk = None;
    while let Ok(Some(datagram)) = poll_fn(|cx| mail.poll_recv(cx)).await {
        let talk = talk.get_or_insert_with(|| site.talk());
        if let Some(answer) = talk.answer(&datagram) {
            // It is lost where nobody awaits it.
            _ = poll_fn(|cx| mail.poll_send(cx, &answer)).await;
        }
    }
}

impl Inner {
    fn number(&self, name: &str) -> Result<usize> {
        let found = self.hosts.iter().position(|host| host.name == name);
        found.with_context(|| format!("there is no host {name}"))
    }

    fn meet(&self, from: usize, to: SocketAddr, is_udp: bool) -> io::Result<Met> {
        let is_there = |host: &Host| host.addrs.contains(&to.ip());
        let Some(number) = self.hosts.iter().position(is_there) else {
            return Err(ErrorKind::HostUnreachable.into());
        };
        let way = |from, to| {
            let way = self.ways.get(&(from, to)).cloned();
            way.unwrap_or_else(|| Way::new(&Quality::PERFECT, 0))
        };
        let port = self.hosts[number].ports.get(&(to.port(), is_udp)).cloned();
        Ok(Met { port, ways: [way(from, number), way(number, from)] })
    }
}
