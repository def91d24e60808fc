//! Datagrams, one after the answer to the other.

use std::future::poll_fn;
use std::time::Duration;

use sidestream_capture::Association;
use tokio::time::timeout;

use super::Failed;
use crate::model::{Answer, Trouble};

pub(super) async fn ask(
    association: &mut dyn Association,
    datagrams: &[Vec<u8>],
    patience: Duration,
    answer: &mut Answer,
) -> Result<(), Failed> {
    let mut came = 0;
    for datagram in datagrams {
        poll_fn(|cx| association.poll_send(cx, datagram)).await?;
        let received = timeout(patience, poll_fn(|cx| association.poll_recv(cx))).await;
        // One that is lost is missing in what came.
        let Ok(received) = received else { continue };
        let Some(received) = received? else { break };
        answer.content.extend_from_slice(&received);
        came += 1;
    }
    if came == 0 {
        return Err(Failed::new(Trouble::TimedOut, "no answer"));
    }
    Ok(())
}
