//! One question to a name server.

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::timeout;

use super::{Connect, Failed};
use crate::model::{Answer, Family, Trouble};
use crate::wire::dns::{self, Question, query};

/// Where name servers listen.
const PORT: u16 = 53;

/// How long an answer is waited for, as dig waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which query it is: the only one.
const ID: u16 = 0x51de;

pub(super) async fn ask(
    connect: &dyn Connect,
    server: &str,
    name: &str,
    answer: &mut Answer,
) -> Result<(), Failed> {
    let mut association = connect.associate(server, PORT).await?;
    let name = name.trim_end_matches('.').to_owned();
    let question = Question { name, v6: connect.family() == Family::V6 };
    let query = query(ID, &question);
    poll_fn(|cx| association.poll_send(cx, &query)).await?;
    let replied = timeout(PATIENCE, poll_fn(|cx| association.poll_recv(cx))).await;
    let Ok(replied) = replied else { return Err(Failed::new(Trouble::TimedOut, "no answer")) };
    match replied?.and_then(|reply| dns::answer(ID, &reply)) {
        Some(dns::Answer::Addresses(addresses)) => {
            let lines: String = addresses.iter().map(|address| format!("{address}\n")).collect();
            answer.content = lines.into_bytes();
            Ok(())
        }
        Some(dns::Answer::NoName) => Err(Failed::new(Trouble::NoName, "NXDOMAIN")),
        None => Err(Failed::new(Trouble::Other, "that was no answer")),
    }
}
