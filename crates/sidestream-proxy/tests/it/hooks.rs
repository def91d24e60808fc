//! Hooks, run by the engine.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sidestream_capture::BoxFuture;
use sidestream_proxy::{Asked, Hook, Interest, Question, UpstreamTrust, Verdict, Want};
use sidestream_record::ResponseHead;
use sidestream_testkit::Origin;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::stage::Stage;

/// Holds requests for `/held` until it has a permit for each.
#[derive(Debug)]
struct Gate {
    permits: Semaphore,
    asked: AtomicUsize,
}

impl Interest for Gate {
    fn in_request(&self, request: &Asked) -> Want {
        if request.url.ends_with("/held") { Want::Head } else { Want::Nothing }
    }

    fn in_response(&self, _: &Asked, _: &ResponseHead) -> Want {
        Want::Nothing
    }
}

impl Hook for Gate {
    fn judge(self: Arc<Self>, _: Question) -> BoxFuture<'static, Verdict> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.permits.acquire().await.unwrap().forget();
            Verdict::Pass
        })
    }
}

async fn ask(stage: &Stage, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(stage.addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    client
}

async fn answer(mut client: TcpStream) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn what_a_hook_holds_holds_nobody_else_up() {
    const RESPONSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let origin = Origin::http(|_, wire| {
        wire.write_all(RESPONSE.as_bytes())?;
        wire.close()
    });
    let stage = Stage::new(origin.addr(), UpstreamTrust::default()).await;
    let gate = Arc::new(Gate { permits: Semaphore::new(0), asked: AtomicUsize::new(0) });
    stage.proxy.set_hook(Some(Arc::<Gate>::clone(&gate)));
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(ask(&stage, "/held").await);
    }
    while gate.asked.load(Ordering::SeqCst) < held.len() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(answer(ask(&stage, "/passes").await).await, RESPONSE);
    assert_eq!(origin.requests().len(), 1);
    gate.permits.add_permits(held.len());
    for client in held {
        assert_eq!(answer(client).await, RESPONSE);
    }
    assert_eq!(origin.requests().len(), 101);
    assert!(stage.end().await.exchanges().iter().all(|exchange| exchange.failure.is_none()));
}
