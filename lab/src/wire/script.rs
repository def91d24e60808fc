//! Conversations over TCP, step by step.

use std::io;

use super::Conn;
use super::conn::is_reset;
use crate::model::{Step, Trouble};

/// How much of the pattern is sent at once.
const STRETCH: u64 = 16 * 1024;

/// The pattern repeats after this many bytes, which no buffer's length is a multiple of.
const PERIOD: u64 = 251;

/// What a conversation came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// All that came.
    pub came: Vec<u8>,
    /// What went wrong.
    pub trouble: Option<Trouble>,
}

/// Follows the steps on a connection, and closes it after the last; `waits` for the peer to end,
/// too, for closing while it still sends would reset the connection.
pub async fn play(mut conn: Conn, steps: &[Step], waits: bool) -> Outcome {
    let mut trouble = None;
    for step in steps {
        if matches!(step, Step::Reset) {
            let came = conn.waiting().to_vec();
            conn.reset();
            return Outcome { came, trouble: None };
        }
        if let Err(failed) = follow(&mut conn, step).await {
            trouble = Some(failed);
            break;
        }
    }
    let came = conn.waiting().split().to_vec();
    if trouble.is_none() {
        _ = conn.end().await;
        if waits {
            conn.drain().await;
        }
    }
    Outcome { came, trouble }
}

async fn follow(conn: &mut Conn, step: &Step) -> Result<(), Trouble> {
    match step {
        Step::Send(bytes) => conn.send_and_fill(bytes).await.map_err(trouble),
        Step::SendMany(count) => {
            let mut at = 0;
            while at < *count {
                let until = (at + STRETCH).min(*count);
                let stretch: Vec<u8> = (at..until).map(|at| (at % PERIOD) as u8).collect();
                conn.send_and_fill(&stretch).await.map_err(trouble)?;
                at = until;
            }
            Ok(())
        }
        Step::Await(count) => {
            while (conn.waiting().len() as u64) < *count {
                if !conn.fill().await.map_err(trouble)? {
                    return Err(Trouble::CutShort);
                }
            }
            Ok(())
        }
        Step::AwaitEnd => {
            while conn.fill().await.map_err(trouble)? {}
            Ok(())
        }
        Step::End => conn.end().await.map_err(trouble),
        Step::Pause(time) => {
            tokio::time::sleep(*time).await;
            Ok(())
        }
        // Whoever follows the steps does that, as it takes the connection.
        Step::Reset => Ok(()),
    }
}

fn trouble(error: io::Error) -> Trouble {
    match error.kind() {
        _ if is_reset(&error) => Trouble::Reset,
        io::ErrorKind::UnexpectedEof => Trouble::CutShort,
        io::ErrorKind::TimedOut => Trouble::TimedOut,
        _ => Trouble::Other,
    }
}
