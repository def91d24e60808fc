//! A program whose connections are diverted: Python that does what it is told.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const SCRIPT: &str = r"
import errno, os, socket, struct, sys
scope = {'os': os, 'socket': socket, 'struct': struct, 'sys': sys}
for line in sys.stdin:
    scope['result'] = None
    try:
        exec(bytes.fromhex(line).decode(), scope)
        result = str(scope['result'])
    except OSError as error:
        result = errno.errorcode.get(error.errno, str(error))
    print(result, flush=True)
";

/// A Python process that waits for code.
pub(crate) struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Client {
    /// Starts it, in the network namespace of the calling thread; a wrapper in PATH would fork.
    pub(crate) fn start() -> Self {
        let mut child = Command::new("/usr/bin/python3")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut client = Self { child, stdin, stdout };
        assert_eq!(client.run("result = 'here'"), "here");
        client
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs code; gives what it left in `result`, or the name of the error.
    pub(crate) fn run(&mut self, code: &str) -> String {
        self.begin(code);
        self.end()
    }

    /// Begins to run code.
    pub(crate) fn begin(&mut self, code: &str) {
        let hex: String = code.bytes().map(|byte| format!("{byte:02x}")).collect();
        writeln!(self.stdin, "{hex}").unwrap();
    }

    /// Waits for the outcome of code that was begun.
    pub(crate) fn end(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Gives when a process was started, as /proc knows it.
pub(crate) fn started_ns(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    rest.split_whitespace().nth(19).unwrap().parse::<u64>().unwrap() * 10_000_000
}
