//! The driver, and the program that it captures.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidestream_capture::{BoxFuture, Capture, Dial};
use sidestream_capture_test::{Connected, Datagrams, Family, Ground, KnownProcess};
use sidestream_os::{Notices, Options, raise_open_files, start_os_proxy};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use crate::place::{HELPER, SERVER_V4, SERVER_V6, helper_of_a_machine, join, kill_helper};
use crate::{client, sockets};

/// How many connections the program makes at once, each in a thread.
const AT_ONCE: usize = 256;

pub(crate) struct Local {
    capture: Mutex<Option<Box<dyn Capture>>>,
    dial: Arc<dyn Dial>,
    client: Client,
    at: PathBuf,
    at_once: Arc<Semaphore>,
    // They live as long as the ground.
    _notices: Mutex<Notices>,
    _folder: TempDir,
}

struct Client(Child);

impl Drop for Client {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Local {
    /// Starts the program and its capture.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let client = client::start(&folder.path().join("client"));
        Self::start_with(folder, client, HELPER.into()).await
    }

    /// The same with the program in a network namespace of its own.
    pub(crate) async fn start_elsewhere() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let client = client::start_elsewhere(&folder.path().join("client"));
        let helper = helper_of_a_machine(folder.path());
        Self::start_with(folder, client, helper).await
    }

    async fn start_with(folder: TempDir, client: Child, helper: PathBuf) -> Self {
        raise_open_files().unwrap();
        let at = folder.path().join("client");
        let client = Client(client);
        while UnixStream::connect(&at).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut options = Options::default();
        if helper != Path::new(HELPER) {
            join(client.0.id());
        }
        options.helper = Some(helper);
        let spec = format!("tree:pid:{}", client.0.id()).parse().unwrap();
        let proxy = start_os_proxy(&spec, &options).await.unwrap();
        let (capture, dial, notices) = proxy.into_parts();
        Self {
            capture: Mutex::new(Some(capture)),
            dial,
            client,
            at,
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            _notices: Mutex::new(notices),
            _folder: folder,
        }
    }

    fn known(&self, pid: u32, parents: &[u32]) -> KnownProcess {
        let path = std::env::current_exe().ok();
        KnownProcess { pid, path, parents: parents.to_vec() }
    }
}

impl Ground for Local {
    fn capture(&mut self) -> Box<dyn Capture> {
        self.capture.get_mut().unwrap().take().unwrap()
    }

    fn connect(&self, server: SocketAddr) -> BoxFuture<'static, io::Result<Connected>> {
        let (at, at_once) = (self.at.clone(), Arc::clone(&self.at_once));
        Box::pin(async move {
            let _one = at_once.acquire().await;
            sockets::connect(&at, server).await
        })
    }

    fn open_udp(&self, family: Family) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>> {
        let at = self.at.clone();
        Box::pin(async move { sockets::bind(&at, family.any()).await })
    }

    fn server_ip(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::V4 => SERVER_V4.parse().ok(),
            Family::V6 => {
                SERVER_V6.parse().ok().filter(|_| sidestream_testkit::has_ipv6_loopback())
            }
        }
    }

    fn dial(&self) -> Arc<dyn Dial> {
        Arc::clone(&self.dial)
    }

    fn process(&self) -> Option<KnownProcess> {
        let parents = [std::process::id(), std::os::unix::process::parent_id()];
        Some(self.known(self.client.0.id(), &parents))
    }

    fn connect_and_exit(
        &self,
        server: SocketAddr,
    ) -> Option<BoxFuture<'static, io::Result<KnownProcess>>> {
        let at = self.at.clone();
        let known = self.known(0, &[self.client.0.id(), std::process::id()]);
        Some(Box::pin(async move {
            let pid = sockets::connect_and_exit(&at, server).await?;
            Ok(KnownProcess { pid, ..known })
        }))
    }

    fn kill(&self) -> Option<BoxFuture<'static, io::Result<()>>> {
        Some(Box::pin(kill_helper()))
    }

    /// It has a network namespace of its own.
    fn is_alone(&self) -> bool {
        true
    }
}
