//! What hooks say of flows as they begin, and of TLS as a client begins it.

use std::io::Write as _;
use std::sync::Arc;

use sidestream_capture::{BoxFuture, FlowInfo};
use sidestream_proxy::{
    Asked, ConnectFate, Hello, HelloFate, Hook, Interest, Question, UpstreamTrust, Verdict, Want,
};
use sidestream_record::{Alteration, Change, Event, PassReason, ResponseHead};
use sidestream_testkit::{Origin, TestCa};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::passing::{ask, origin, reasons, trusting};
use crate::stage::Stage;

/// Says the same of each flow, and of each client that begins TLS.
#[derive(Debug)]
struct Fates {
    connect: ConnectFate,
    hello: HelloFate,
}

impl Interest for Fates {
    fn at_client_hello(&self, hello: &Hello<'_>) -> HelloFate {
        assert_eq!(hello.client_hello.sni.as_deref(), Some("a.test"));
        assert!(hello.ja4().starts_with("t13d"), "{}", hello.ja4());
        self.hello.clone()
    }

    fn in_request(&self, _: &Asked) -> Want {
        Want::Nothing
    }

    fn in_response(&self, _: &Asked, _: &ResponseHead) -> Want {
        Want::Nothing
    }
}

impl Hook for Fates {
    fn at_connect(&self, flow: &FlowInfo) -> ConnectFate {
        assert_eq!(flow.via, "test");
        assert_eq!(
            flow.process.as_ref().unwrap().path.as_deref().unwrap().to_str(),
            Some("/bin/test")
        );
        self.connect.clone()
    }

    fn judge(self: Arc<Self>, _: Question) -> BoxFuture<'static, Verdict> {
        Box::pin(async { Verdict::Pass })
    }
}

fn by() -> String {
    "a hook".into()
}

async fn stage(
    origin: &Origin,
    trust: UpstreamTrust,
    connect: ConnectFate,
    hello: HelloFate,
) -> Stage {
    let stage = Stage::new(origin.addr(), trust).await;
    stage.proxy.set_hook(Some(Arc::new(Fates { connect, hello })));
    stage
}

fn answering(text: &'static str) -> Origin {
    Origin::http(move |_, wire| {
        write!(
            wire,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        )?;
        wire.close()
    })
}

async fn get(stage: &Stage) -> String {
    let mut client = TcpStream::connect(stage.addr).await.unwrap();
    let mut answer = String::new();
    // One that is refused may see that as early as this.
    let sent = client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    if sent.is_ok() {
        _ = client.read_to_string(&mut answer).await;
    }
    drop(client);
    stage.settled().await;
    answer
}

#[tokio::test]
async fn a_flow_is_refused_before_its_server_hears_of_it() {
    let origin = answering("never");
    let refuse = ConnectFate::Refuse { by: by() };
    let stage = stage(&origin, UpstreamTrust::default(), refuse, HelloFate::GoOn).await;
    assert_eq!(get(&stage).await, "");
    let recording = stage.end().await;
    assert_eq!(recording.failure(), "blocked by a hook");
    assert!(!recording.events.iter().any(|event| matches!(event, Event::Connected { .. })));
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn a_flow_goes_to_another_server() {
    let (origin, other) = (answering("never"), answering("other"));
    let (host, port) = ("localhost".to_owned(), other.port());
    let to = ConnectFate::Redirect { by: by(), host, port };
    let stage = stage(&origin, UpstreamTrust::default(), to, HelloFate::GoOn).await;
    assert!(get(&stage).await.ends_with("other"));
    assert_eq!((origin.requests().len(), other.requests().len()), (0, 1));
    let recording = stage.end().await;
    let told = recording.events.iter().any(|event| match event {
        Event::Altered { alteration: Alteration::Edited(edit), .. } => {
            edit.by == by() && matches!(edit.change, Change::Redirected { .. })
        }
        _ => false,
    });
    assert!(told);
}

#[tokio::test]
async fn a_flow_passes_undecrypted_and_unrecorded() {
    let ca = TestCa::new();
    for (connect, hello) in [
        (ConnectFate::Pass { by: by() }, HelloFate::GoOn),
        (ConnectFate::GoOn, HelloFate::Pass { by: by() }),
    ] {
        let origin = origin(&ca);
        let stage = stage(&origin, trusting(&ca), connect, hello).await;
        let (answer, shown) = ask(&stage, ca.client_config()).await.unwrap();
        assert_eq!(answer, "ok");
        assert!(!shown.is_empty());
        let recording = stage.end().await;
        assert_eq!(reasons(&recording), [PassReason::Hook { by: by() }]);
        assert!(recording.exchanges().is_empty());
    }
}

#[tokio::test]
async fn a_client_is_let_go_for_what_it_offers_before_its_server_hears_of_it() {
    let ca = TestCa::new();
    let origin = origin(&ca);
    let kill = HelloFate::Kill { by: by() };
    let stage = stage(&origin, trusting(&ca), ConnectFate::GoOn, kill).await;
    ask(&stage, ca.client_config()).await.unwrap_err();
    let recording = stage.end().await;
    assert_eq!(recording.failure(), "blocked by a hook");
    assert_eq!(origin.requests().len(), 0);
}
