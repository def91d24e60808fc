//! The bridge that all hosts are on.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::closure::hint;
use crate::ground::Unavailable;
use crate::ground::hosted::address;
use crate::model::Family;

/// Makes the bridge in this process's network namespace.
pub(super) fn make() -> Result<()> {
    ip(None, "link add name lan type bridge stp_state 0 mcast_snooping 0\nlink set lan up\n")
}

/// Joins a host, whose agent has that pid.
pub(super) fn join(number: usize, pid: u32) -> Result<()> {
    ip(
        None,
        &format!(
            "link add name host{number} type veth peer name eth0 netns {pid}\n\
             link set host{number} addrgenmode none master lan up\n"
        ),
    )?;
    let [v4, v6] = Family::ALL.map(|family| address(number, family));
    ip(
        Some(pid),
        &format!(
            "link set lo up\n\
             link set eth0 addrgenmode none up\n\
             address add {v4}/24 dev eth0\n\
             address add {v6}/64 dev eth0 nodad\n"
        ),
    )
}

/// Has iproute2 do a batch, in this network namespace or in that of a process.
pub(super) fn ip(pid: Option<u32>, batch: &str) -> Result<()> {
    ip_with(pid, None, batch)
}

/// The same, of a family that the batch does not tell.
pub(super) fn ip_of(pid: u32, family: Family, batch: &str) -> Result<()> {
    let option = match family {
        Family::V4 => "-4",
        Family::V6 => "-6",
    };
    ip_with(Some(pid), Some(option), batch)
}

fn ip_with(pid: Option<u32>, option: Option<&str>, batch: &str) -> Result<()> {
    let mut command = match pid {
        None => Command::new("ip"),
        Some(pid) => {
            let mut command = Command::new("nsenter");
            command.arg(format!("--net=/proc/{pid}/ns/net")).arg("ip");
            command
        }
    };
    command.args(option).args(["-batch", "-"]).stdin(Stdio::piped());
    let spawned = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let program = command.get_program().to_string_lossy().into_owned();
            let reason = format!("no {program} here: {}", hint(&program));
            return Err(Unavailable::new(reason).into());
        }
        spawned => spawned.context("starting ip")?,
    };
    let stdin = child.stdin.take();
    stdin.map(|mut stdin| stdin.write_all(batch.as_bytes())).transpose().context("telling ip")?;
    let output = child.wait_with_output().context("waiting for ip")?;
    if !output.status.success() {
        bail!("ip: {} in\n{batch}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
