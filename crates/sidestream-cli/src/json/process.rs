//! Processes, in lines of flows and in lists.

use serde::Serialize;
use sidestream::flow;

use super::from::time;
use super::text::Text;

/// A process with its parents.
#[derive(Debug, Serialize)]
pub(crate) struct Process {
    #[serde(flatten)]
    program: Program,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_user: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroup: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    netns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<String>,
    parents: Vec<Program>,
}

#[derive(Debug, Serialize)]
struct Program {
    pid: u32,
    name: String,
    path: Option<Text>,
    args: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Container>,
}

#[derive(Debug, Serialize)]
struct User {
    uid: u32,
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct Container {
    id: String,
    name: Option<String>,
    image: Option<String>,
    runtime: Option<String>,
}

impl From<&flow::Process> for Process {
    fn from(process: &flow::Process) -> Self {
        Self {
            program: Program::from(process),
            started: process.started.map(time),
            cwd: process.cwd.as_deref().map(Text::from),
            effective_user: process.effective_user.as_ref().map(User::from),
            cgroup: process.cgroup.as_deref().map(Text::from),
            netns: process.netns,
            package: process.package.clone(),
            parents: process.parents().map(Program::from).collect(),
        }
    }
}

impl From<&flow::Process> for Program {
    fn from(process: &flow::Process) -> Self {
        Self {
            pid: process.pid,
            name: process.name.clone(),
            path: process.path.as_deref().map(Text::from),
            args: process.args.clone(),
            user: process.user.as_ref().map(User::from),
            unit: process.unit.clone(),
            container: process.container.as_ref().map(Container::from),
        }
    }
}

impl From<&flow::User> for User {
    fn from(user: &flow::User) -> Self {
        let flow::User { uid, name } = user.clone();
        Self { uid, name }
    }
}

impl From<&flow::Container> for Container {
    fn from(container: &flow::Container) -> Self {
        let flow::Container { id, name, image, runtime } = container.clone();
        Self { id, name, image, runtime }
    }
}
