//! Who is chosen.

use anyhow::Result;

use super::{BY_SPEC, FULL_KERNELS, KERNELS, PLAIN, PROGRAMS, await_told, http, other};
use crate::lab::Lab;
use crate::model::{Ask, HttpAsk, Program, ServeHttp, Service, Step};
use crate::scenario::Scenario;

/// What choice scenarios have in common.
const CHOICE: Scenario = Scenario { drivers: BY_SPEC, grounds: KERNELS, ..PLAIN };

pub(crate) const GROUP: &[Scenario] = &[
    Scenario {
        name: "choice/include",
        shows: "one program is captured, another is not",
        run: |lab| both_ask(lab, "curl"),
        ..CHOICE
    },
    Scenario {
        name: "choice/exclude",
        shows: "all are captured but one",
        run: |lab| both_ask(lab, "!curl"),
        grounds: PROGRAMS,
        ..CHOICE
    },
    Scenario {
        name: "choice/glob",
        shows: "a program by the pattern of its path",
        run: |lab| both_ask(lab, "path:/usr/bin/cu?l"),
        grounds: PROGRAMS,
        ..CHOICE
    },
    Scenario {
        name: "choice/tree",
        shows: "a program that another has started is captured with it, and else it is not",
        run: |lab| {
            page(lab)?;
            lab.intercept("app", "tree:python")?;
            let starts = "import subprocess; subprocess.run(['curl', '-sA', 'lab', '-o', \
                          '/dev/null', 'http://origin/child'], check=True)";
            lab.run("app", &["/usr/bin/python3", "-c", starts])?;
            lab.get("app", "http://origin/alone").map(drop)
        },
        ..CHOICE
    },
    Scenario {
        name: "choice/port",
        shows: "one port of a program is left alone",
        run: |lab| {
            page(lab)?;
            let aside = crate::model::Serve { port: 8080, ..http(ServeHttp::default()) };
            lab.serve("origin", aside)?;
            lab.intercept("app", "curl,!port:8080")?;
            lab.get("app", "http://origin/captured")?;
            lab.get("app", "http://origin:8080/alone").map(drop)
        },
        ..CHOICE
    },
    Scenario {
        name: "choice/host",
        shows: "one server of a program is left alone, by its name",
        run: |lab| {
            lab.hosts(&["app", "origin", "other"])?;
            lab.serve("origin", http(ServeHttp::default()))?;
            lab.serve("other", http(ServeHttp::default()))?;
            lab.intercept("app", "curl,!host:other")?;
            lab.get("app", "http://origin/captured")?;
            lab.get("app", "http://other/alone").map(drop)
        },
        grounds: PROGRAMS,
        ..CHOICE
    },
    Scenario {
        name: "choice/live",
        shows: "a new spec holds for new flows, and those that go on are not disturbed",
        run: live,
        ..CHOICE
    },
    Scenario {
        name: "choice/vrf",
        shows: "a socket bound to a VRF goes its own way, and that is told",
        run: vrf,
        grounds: FULL_KERNELS,
        ..CHOICE
    },
];

/// The whole network of the client is a VRF's: only a socket that is bound to it gets anywhere.
fn vrf(lab: &mut Lab) -> Result<()> {
    page(lab)?;
    let moves = "ip link add blue type vrf table 10 && ip link set blue up && \
                 ip link set eth0 master blue";
    lab.run("app", &["sh", "-c", moves])?;
    lab.intercept("app", "curl")?;
    let bound = ["--interface", "blue", "http://origin/bound"];
    let answer = lab.run("app", &[&["curl", "-sSA", "lab"][..], &bound].concat())?;
    lab.note(&format!("a socket of curl's that is bound to the VRF: {}", answer.trim()));
    await_told(lab, "bound to a device")
}

fn page(lab: &mut Lab) -> Result<()> {
    lab.hosts(&["app", "origin"])?;
    lab.serve("origin", http(ServeHttp::default()))
}

fn both_ask(lab: &mut Lab, spec: &str) -> Result<()> {
    page(lab)?;
    lab.intercept("app", spec)?;
    lab.get("app", "http://origin/by-curl")?;
    let ask = HttpAsk { by: Program::Python, ..HttpAsk::get("http://origin/by-python") };
    lab.ask("app", &Ask::Http(ask)).map(drop)
}

fn live(lab: &mut Lab) -> Result<()> {
    page(lab)?;
    // It is answered when both are there, so it goes on while the spec changes.
    let serve = vec![Step::Await(3), Step::Send(b"on".to_vec()), Step::Await(6), Step::End];
    lab.serve("origin", other(Service::Tcp(serve)))?;
    lab.intercept("app", "curl,python")?;
    let pause = Step::Pause(std::time::Duration::from_secs(2));
    let steps = vec![
        Step::Send(b"one".to_vec()),
        Step::Await(2),
        pause,
        Step::Send(b"two".to_vec()),
        Step::AwaitEnd,
    ];
    let talk = Ask::Tcp { by: Program::Python, host: "origin".into(), port: 7000, steps };
    let goes_on = lab.start("app", &talk)?;
    lab.get("app", "http://origin/before")?;
    lab.set_spec("python")?;
    lab.get("app", "http://origin/after")?;
    lab.wait(goes_on).map(drop)
}
