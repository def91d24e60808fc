//! The processes that connect, and what starts them.
#![expect(clippy::print_stdout, reason = "what started this process reads it")]

use std::io::{BufRead, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::plan::{Piece, Plan, WORKERS, addr};
use crate::until_captured;

/// How long a listener may be too busy for another connection.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connects once for each of `count` serials, from one thread or from four, and sends this
/// process's pid and the serial.
///
/// # Errors
///
/// A connection was refused or broke.
pub fn dial(port: u16, first: u32, count: u32, threads: bool) -> anyhow::Result<()> {
    let end = first + count;
    if !threads {
        return dial_all(port, first..end);
    }
    let quarter = count.div_ceil(4).max(1);
    let part = move |start: u32| start..end.min(start + quarter);
    let dials = |start| thread::spawn(move || dial_all(port, part(start)));
    let threads: Vec<_> = (first..end).step_by(quarter as usize).map(dials).collect();
    for thread in threads {
        thread.join().ok().context("a thread panicked")??;
    }
    Ok(())
}

fn dial_all(port: u16, serials: Range<u32>) -> anyhow::Result<()> {
    let pid = std::process::id();
    for serial in serials {
        let mut stream = TcpStream::connect_timeout(&addr(serial, port).into(), PATIENCE)
            .with_context(|| format!("connection {serial}"))?;
        stream.write_all(format!("{pid} {serial}\n").as_bytes())?;
    }
    Ok(())
}

/// Starts the processes of a plan, some at once, up to the number that each line of standard input
/// gives; says a line when they have ended.
///
/// # Errors
///
/// A process cannot be started or failed.
pub(super) fn dial_plan(plan: &Plan) -> anyhow::Result<()> {
    until_captured()?;
    let pieces = Mutex::new(plan.pieces().peekable());
    println!("\"captured\"");
    for line in std::io::stdin().lock().lines() {
        let until: u32 = line?.trim().parse().context("reading how far to go")?;
        let next = || {
            let mut pieces = pieces.lock().ok()?;
            pieces.next_if(|piece| piece.serials.start < until)
        };
        let worker = || -> anyhow::Result<()> {
            while let Some(piece) = next() {
                run(plan, &piece)?;
            }
            Ok(())
        };
        thread::scope(|scope| -> anyhow::Result<()> {
            let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(worker)).collect();
            for worker in workers {
                worker.join().ok().context("a worker panicked")??;
            }
            Ok(())
        })?;
        println!("\"done\"");
    }
    Ok(())
}

fn run(plan: &Plan, piece: &Piece) -> anyhow::Result<()> {
    let status = plan.command(piece).stdin(Stdio::null()).status().context("starting a process")?;
    ensure!(status.success(), "connections {:?}: {status}", piece.serials);
    Ok(())
}
