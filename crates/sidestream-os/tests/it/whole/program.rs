//! A program whose connections are captured.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// For each line: connects by TCP, sends a datagram, or has a child of its own connect; prints
/// what came back, and from where.
const PROGRAM: &str = r#"
import socket, subprocess, sys
def tcp(port):
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"ping"); return s.recv(9), s.getpeername()[1] == port
def udp(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"ping", ("127.0.0.1", port)); d, a = s.recvfrom(9); return d, a[1] == port
print("ready", flush=True)
for line in sys.stdin:
    kind, port = line.split()
    if kind == "below":
        args = [sys.executable, "-c", sys.argv[1], sys.argv[1]]
        print(subprocess.run(args, input="tcp " + port, capture_output=True, text=True)
            .stdout.split("\n")[1], flush=True)
    else:
        print({"tcp": tcp, "udp": udp}[kind](int(port)), flush=True)
"#;

/// A program that connects when it is told to.
pub(crate) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(PYTHON);
        command.args(["-c", PROGRAM, PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut program = Self { child, stdin, stdout };
        assert_eq!(program.line(), "ready\n");
        program
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn tell(&mut self, words: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{words}").unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// Asserts that it got back what it sent, from whom it meant.
    #[track_caller]
    pub(crate) fn assert_answered(&mut self) {
        assert_eq!(self.line(), "(b'ping', True)\n");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It ends with its input, also where nobody here may kill it.
        self.stdin = None;
        self.child.wait().unwrap();
    }
}
