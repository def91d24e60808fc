//! Starting the command.

use std::io;
use std::os::fd::AsFd;

use crate::sys::imp::plan::{Exec, Plan};
use crate::sys::imp::{notify, raw};

/// Starts the command and returns its pid once it is another program.
pub(super) fn start(plan: &mut Plan) -> io::Result<i32> {
    let (reader, writer) = raw::pipe()?;
    // SAFETY: the child makes system calls only.
    let pid = unsafe { raw::fork() }?;
    if pid == 0 {
        raw::default_action(libc::SIGPIPE);
        raw::restore_signals(&plan.mask);
        let error = match notify::install(plan) {
            Ok(()) => become_command(&mut plan.exec),
            Err(error) => error,
        };
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        _ = raw::write_all(writer.as_fd(), &errno.to_ne_bytes());
        raw::exit(127);
    }
    drop(writer);
    let mut errno = [0; 4];
    // The end of the pipe is closed as the child becomes another program.
    match raw::read(reader.as_fd(), &mut errno) {
        Ok(4) => {
            _ = raw::wait(pid, 0);
            Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno)))
        }
        _ => Ok(pid),
    }
}

/// Tries each place where the command may lie, as a shell would.
fn become_command(exec: &mut Exec) -> io::Error {
    let mut found = io::Error::from_raw_os_error(libc::ENOENT);
    for index in 0..exec.candidates.len() {
        let path = exec.candidates[index].as_ptr();
        // SAFETY: the vectors were made with a closing null and with the strings they point to.
        let mut error = unsafe { raw::exec(path, &exec.args, &exec.env) };
        if error.raw_os_error() == Some(libc::ENOEXEC) {
            exec.shell_args[1] = path;
            // SAFETY: as above.
            error = unsafe { raw::exec(c"/bin/sh".as_ptr(), &exec.shell_args, &exec.env) };
        }
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => {}
            // Another place may have one that can be run.
            Some(libc::EACCES) => found = error,
            _ => return error,
        }
    }
    found
}
