//! Containers that are hosts, started by testcontainers on whatever engine there is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::{
    DeviceMapping, EndpointIpamConfig, EndpointSettings, HostConfig, Ipam, IpamConfig,
    NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest,
};
use testcontainers::core::{AccessMode, Mount, client::docker_client_instance};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, GenericImage, ImageExt as _};
use tokio::runtime::{Builder, Runtime};

use super::images::Image;
use crate::ground::hosted::address;
use crate::model::Family;

/// The network that all are in, and its bridge.
pub(super) const NETWORK: &str = "lab";
/// That of the machine itself.
const MACHINE: &str = "host";
/// Numbers of hosts are below it.
const GATEWAY: usize = 254;
/// What the first process does: nothing but reap what others leave.
const IDLE: [&str; 3] = ["sh", "-c", "sleep infinity & wait"];
/// What hooking and namespaces need; never all that there is.
const RIGHTS: [&str; 2] = ["NET_ADMIN", "SYS_ADMIN"];
/// What the second of them contains, for engines that know it.
const FINER_RIGHTS: [&str; 2] = ["BPF", "PERFMON"];
/// The oldest API of engines that do.
const KNOWS_FINER: (u32, u32) = (1, 42);
/// What keeps devices that are made in a container without IPv6, and cannot be changed in it.
const IPV6_OFF: &str = "net.ipv6.conf.default.disable_ipv6";
const TUN: &str = "/dev/net/tun";
/// How long a container may take to start; only a failing trial waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A container to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its number, by which it is addressed; none is in the machine's own network.
    pub(super) number: Option<usize>,
    /// Files of the machine that it sees where the machine does.
    pub(super) files: &'a [PathBuf],
    /// Files of the machine that lie over its own.
    pub(super) over: &'a [(PathBuf, &'a str)],
}

/// An engine's containers of one trial, and their network.
#[derive(Debug)]
pub(super) struct Containers {
    running: Vec<ContainerAsync<GenericImage>>,
    docker: Docker,
    knows_finer: bool,
    runtime: Runtime,
}

impl Containers {
    /// Makes the network, on the engine that testcontainers finds.
    pub(super) fn open() -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (docker, version) = runtime.block_on(async {
            let docker = docker_client_instance().await.context("finding an engine")?;
            let version = docker.version().await.context("asking the engine")?;
            docker.create_network(network()).await.context("making the network of all hosts")?;
            anyhow::Ok((docker, version.api_version.unwrap_or_default()))
        })?;
        let knows_finer = api_version(&version).is_some_and(|version| version >= KNOWS_FINER);
        Ok(Self { running: Vec::new(), docker, knows_finer, runtime })
    }

    /// Starts one and returns when it runs.
    pub(super) fn start(&mut self, wanted: Wanted<'_>) -> Result<()> {
        let request = self.request(wanted);
        let started = self.runtime.block_on(async {
            let container = request.start().await?;
            if let Some(number) = wanted.number {
                settle(&self.docker, container.id(), number).await?;
            }
            anyhow::Ok(container)
        });
        self.running.push(started.with_context(|| format!("starting container {}", wanted.name))?);
        Ok(())
    }

    fn request(&self, wanted: Wanted<'_>) -> testcontainers::ContainerRequest<GenericImage> {
        let image = Image::of_host(wanted.name);
        let network = if wanted.number.is_some() { NETWORK } else { MACHINE };
        let finer = if self.knows_finer { &FINER_RIGHTS[..] } else { &[] };
        let devices = Some(vec![DeviceMapping {
            path_on_host: Some(TUN.into()),
            path_in_container: Some(TUN.into()),
            cgroup_permissions: Some("rwm".into()),
        }]);
        let has_tun = Path::new(TUN).exists();
        // A container in the machine's network may not change it.
        let own = wanted.number.map(|_| HashMap::from([(IPV6_OFF.to_owned(), "0".to_owned())]));
        let mut request = GenericImage::new(Image::name(), image.tag().to_owned())
            .with_container_name(wanted.name)
            .with_network(network)
            .with_startup_timeout(PATIENCE)
            .with_cmd(IDLE)
            .with_host_config_modifier(move |config: &mut HostConfig| {
                config.devices.clone_from(if has_tun { &devices } else { &None });
                config.publish_all_ports = Some(false);
                config.sysctls.clone_from(&own);
            });
        if wanted.number.is_some() {
            request = request.with_hostname(wanted.name);
        }
        for right in RIGHTS.iter().chain(finer) {
            request = request.with_cap_add(*right);
        }
        let same = wanted.files.iter().map(|file| (file.clone(), file.display().to_string()));
        let over = wanted.over.iter().map(|(file, place)| (file.clone(), (*place).to_owned()));
        for (file, place) in same.chain(over) {
            let mount = Mount::bind_mount(file.display().to_string(), place);
            request = request.with_mount(mount.with_access_mode(AccessMode::ReadOnly));
        }
        request
    }

    /// Removes all of it.
    pub(super) fn remove(&mut self) -> Result<()> {
        let running = std::mem::take(&mut self.running);
        self.runtime.block_on(async {
            for container in running {
                container.rm().await?;
            }
            anyhow::Ok(self.docker.remove_network(NETWORK).await?)
        })
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        // Those that were not removed end with their engine; each would want a runtime to say so.
        std::mem::take(&mut self.running).into_iter().for_each(std::mem::forget);
    }
}

/// Describes the network: both families, and hosts' numbers as they are counted.
fn network() -> NetworkCreateRequest {
    let subnet = |family, subnet: &str| IpamConfig {
        subnet: Some(subnet.to_owned()),
        gateway: Some(address(GATEWAY, family).to_string()),
        ..IpamConfig::default()
    };
    let subnets = vec![subnet(Family::V4, "10.77.0.0/24"), subnet(Family::V6, "fd77::/64")];
    let bridge = ("com.docker.network.bridge.name".to_owned(), NETWORK.to_owned());
    NetworkCreateRequest {
        name: NETWORK.to_owned(),
        driver: Some("bridge".to_owned()),
        enable_ipv6: Some(true),
        ipam: Some(Ipam { config: Some(subnets), ..Ipam::default() }),
        options: Some(HashMap::from([bridge])),
        ..NetworkCreateRequest::default()
    }
}

/// Sees to it that a container has the addresses of its number.
async fn settle(docker: &Docker, id: &str, number: usize) -> Result<()> {
    let [v4, v6] = Family::ALL.map(|family| address(number, family).to_string());
    let has = || async {
        let found = docker.inspect_container(id, None).await?;
        let networks = found.network_settings.and_then(|settings| settings.networks);
        let own = networks.and_then(|mut networks| networks.remove(NETWORK)).unwrap_or_default();
        let is = |given: Option<String>, wanted: &str| {
            given.and_then(|given| given.parse().ok()) == wanted.parse::<IpAddr>().ok()
        };
        anyhow::Ok(is(own.ip_address, &v4) && is(own.global_ipv6_address, &v6))
    };
    if has().await? {
        return Ok(());
    }
    // The engine counts otherwise where hosts are in the machine's own network.
    let container = id.to_owned();
    let leave = NetworkDisconnectRequest { container: container.clone(), force: Some(true) };
    docker.disconnect_network(NETWORK, leave).await?;
    let fixed = EndpointIpamConfig {
        ipv4_address: Some(v4.clone()),
        ipv6_address: Some(v6.clone()),
        ..EndpointIpamConfig::default()
    };
    let settings = EndpointSettings { ipam_config: Some(fixed), ..EndpointSettings::default() };
    let join = NetworkConnectRequest { container, endpoint_config: Some(settings) };
    docker.connect_network(NETWORK, join).await?;
    ensure!(has().await?, "the engine does not give it {v4} and {v6}");
    Ok(())
}

/// Reads `1.41`.
fn api_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(api_version("1.41"), Some((1, 41)));
        assert!(api_version("1.9") < Some(KNOWS_FINER));
        assert_eq!(api_version(""), None);
    }
}
