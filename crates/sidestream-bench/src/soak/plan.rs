//! Who connects where: every connection of a soak has a server's address of its own.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

/// 127.128.0.0/9: all of it is this machine's, and none of it is a fake address.
const FIRST_ADDR: u32 = 0x7f80_0000;

/// As many addresses as there are.
pub(super) const MAX_CONNECTIONS: u32 = 1 << 23;

/// How many processes are there at once.
pub(super) const WORKERS: u32 = 20;

/// How many connections a process has, and its children together.
const PIECE: u32 = 100;

/// Connects in a process of its own for each connection, which ends with it: nothing is executed,
/// so that all of them have the same arguments.
const FORK: &str = r#"
for ((serial = $2; serial < $2 + $3; serial++)); do
    (
        exec 3<>/dev/tcp/127.$((128 + (serial >> 16))).$((serial >> 8 & 255)).$((serial & 255))/"$1"
        echo $BASHPID $serial >&3
    ) &
    ((serial % 8)) || wait
done
wait
"#;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One connection after the other.
    InTurn,
    /// Four threads connect.
    Threads,
    /// Each connection in a fork.
    Forks,
    /// A single connection, and the end.
    Once,
}

/// All connections of a soak.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) connections: u32,
    pub(super) port: u16,
    /// This program.
    pub(super) bench: PathBuf,
    /// The shell that forks.
    pub(super) bash: PathBuf,
}

/// The connections of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    kind: Kind,
    pub(super) serials: Range<u32>,
}

impl Plan {
    /// Cuts it into processes.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece> {
        let mut next = 0;
        let cut = move || {
            let first = next;
            (first < self.connections).then(|| {
                let piece = self.piece(first);
                next = piece.serials.end;
                piece
            })
        };
        std::iter::from_fn(cut)
    }

    /// Gives the process that has a connection.
    pub(super) fn piece_with(&self, serial: u32) -> Piece {
        self.piece(serial)
    }

    fn piece(&self, serial: u32) -> Piece {
        let block = serial / PIECE;
        let whole = block * PIECE..self.connections.min((block + 1) * PIECE);
        let kind = match block % 8 {
            0 | 3 | 6 => Kind::InTurn,
            1 | 4 => Kind::Threads,
            2 | 5 => Kind::Forks,
            _ => Kind::Once,
        };
        let serials = if kind == Kind::Once { serial..serial + 1 } else { whole };
        Piece { kind, serials }
    }

    /// The program of a process, and its arguments as the process has them.
    pub(super) fn words(&self, piece: &Piece) -> (&Path, Vec<OsString>) {
        let program = if piece.kind == Kind::Forks { &self.bash } else { &self.bench };
        let mut words = vec![program.clone().into_os_string()];
        match piece.kind {
            Kind::Forks => words.extend(["-c", FORK, "fork"].map(OsString::from)),
            _ => words.push("dial".into()),
        }
        words.push(self.port.to_string().into());
        words.push(piece.serials.start.to_string().into());
        words.push(piece.serials.len().to_string().into());
        if piece.kind == Kind::Threads {
            words.push("threads".into());
        }
        (program, words)
    }

    pub(super) fn command(&self, piece: &Piece) -> Command {
        let (program, words) = self.words(piece);
        let mut command = Command::new(program);
        command.args(&words[1..]);
        command
    }
}

/// The server's address for a connection.
pub(super) fn addr(serial: u32, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(FIRST_ADDR + serial), port)
}

/// The connection for which a server has this address.
pub(super) fn serial(addr: Ipv4Addr) -> Option<u32> {
    addr.to_bits().checked_sub(FIRST_ADDR).filter(|serial| *serial < MAX_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(connections: u32) -> Plan {
        Plan { connections, port: 80, bench: "/b/bench".into(), bash: "/bin/bash".into() }
    }

    #[test]
    fn every_connection_is_in_one_process() {
        for connections in [0, 1, 99, 850, 1234] {
            let plan = plan(connections);
            let all: Vec<u32> = plan.pieces().flat_map(|piece| piece.serials).collect();
            assert_eq!(all, (0..connections).collect::<Vec<_>>());
            for piece in plan.pieces() {
                assert!(piece.serials.clone().all(|serial| plan.piece_with(serial) == piece));
            }
        }
    }

    #[test]
    fn every_connection_has_an_address() {
        assert_eq!(addr(0x1_0203, 80).to_string(), "127.129.2.3:80");
        for one in [0, 70_000, MAX_CONNECTIONS - 1] {
            assert_eq!(serial(*addr(one, 80).ip()), Some(one));
        }
        assert_eq!(serial(Ipv4Addr::LOCALHOST), None);
        assert_eq!(serial(Ipv4Addr::BROADCAST), None);
    }

    #[test]
    fn says_who_a_process_is() {
        let words = |serial| {
            let plan = plan(1000);
            let (_, words) = plan.words(&plan.piece_with(serial));
            words.into_iter().filter(|word| word != FORK).collect::<Vec<_>>()
        };
        assert_eq!(words(7), ["/b/bench", "dial", "80", "0", "100"]);
        assert_eq!(words(199), ["/b/bench", "dial", "80", "100", "100", "threads"]);
        assert_eq!(words(200), ["/bin/bash", "-c", "fork", "80", "200", "100"]);
        assert_eq!(words(703), ["/b/bench", "dial", "80", "703", "1"]);
    }
}
