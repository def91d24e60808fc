//! Loads the programs and attaches them.

use std::error::Error;
use std::fs::File;
use std::io;
use std::sync::Mutex;
use std::thread;

use aya::programs::{
    CgroupAttachMode, CgroupSock, CgroupSockAddr, Program, ProgramError, RawTracePoint,
};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use tracing::debug;

use super::abi::{ADDRESS_HOOKS, RELEASE_HOOK, TRACEPOINTS};
use super::convert::code;
use super::machine;
use super::table::lock;
use crate::{LoadError, LoadOptions};

static OBJECT: &[u8] = include_bytes_aligned!("../../../bpf/capture.bpf.o");

/// The programs that take longest to verify, about the same time each.
const DIVERTING: [&str; 5] = ["connect4", "connect6", "sendmsg4", "sendmsg6", "process_exec"];
/// How many programs are verified at once: those that take longest, each by a thread, as
/// the processors are shared evenly then however many there are.
const VERIFIERS: usize = DIVERTING.len();

/// How many of the verifier's last lines are told.
const LOG_LINES: usize = 12;

/// Checks the machine, and loads and attaches everything.
///
/// The links are held by the programs: when they go, or the process dies, the hooks are detached.
pub(super) fn load(options: &LoadOptions) -> Result<Ebpf, LoadError> {
    machine::check_kernel()?;
    machine::check_lockdown()?;
    for (name, number) in machine::CAPABILITIES {
        machine::check_capability(name, number)?;
    }
    let cgroup = machine::open_cgroup()?;
    attach(options, &cgroup).map_err(|error| match cause(&error) {
        Some(found) if found.raw_os_error() == Some(libc::EMFILE) => {
            LoadError::Files { source: io::Error::from_raw_os_error(libc::EMFILE) }
        }
        _ => error,
    })
}

fn attach(options: &LoadOptions, cgroup: &File) -> Result<Ebpf, LoadError> {
    let mut ebpf = parse_checked(options)?;
    verify(&mut ebpf)?;
    for name in ADDRESS_HOOKS {
        named(name, attach_address(&mut ebpf, name, cgroup))?;
    }
    named(RELEASE_HOOK, attach_release(&mut ebpf, cgroup))?;
    for (program, tracepoint) in TRACEPOINTS {
        named(tracepoint, attach_tracepoint(&mut ebpf, program, tracepoint))?;
    }
    Ok(ebpf)
}

/// As [`parse`], while the kernel's types are checked: what is wrong with them tells more.
fn parse_checked(options: &LoadOptions) -> Result<Ebpf, LoadError> {
    thread::scope(|scope| {
        let check = scope.spawn(machine::check_types);
        let parsed = parse(options);
        check.join().unwrap_or_else(|_| machine::check_types())?;
        parsed
    })
}

/// Has the kernel verify all programs, which takes most of the time, several at once.
fn verify(ebpf: &mut Ebpf) -> Result<(), LoadError> {
    let mut waiting: Vec<_> = ebpf.programs_mut().collect();
    // The largest ones are to begin first, and the last ones are taken first.
    waiting.sort_by_key(|(name, _)| DIVERTING.contains(name));
    let waiting = Mutex::new(waiting);
    // In a function of its own: the loop would hold the lock all the time, and one would wait for
    // the other.
    let next = || lock(&waiting).pop();
    let run = || {
        while let Some((name, program)) = next() {
            named(hook(name), load_program(program))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..VERIFIERS).map(|_| scope.spawn(run)).collect();
        let others = others.into_iter().map(|other| other.join().unwrap_or_else(|_| run()));
        others.chain([run()]).collect()
    })
}

fn load_program(program: &mut Program) -> Result<(), ProgramError> {
    match program {
        Program::CgroupSock(program) => program.load(),
        Program::CgroupSockAddr(program) => program.load(),
        Program::RawTracePoint(program) => program.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

/// Gives the name of a hook as errors have it.
fn hook(program: &str) -> &'static str {
    let hooks = ADDRESS_HOOKS.into_iter().chain([RELEASE_HOOK]);
    let tracepoint = TRACEPOINTS.iter().find(|(name, _)| *name == program);
    tracepoint
        .map(|(_, at)| *at)
        .or_else(|| hooks.into_iter().find(|name| *name == program))
        .unwrap_or("unknown")
}

/// Returns how many slots there are, which is a power of two.
pub(super) fn cells(options: &LoadOptions) -> u32 {
    options.slots.clamp(1, 1 << 22).next_power_of_two()
}

/// Loads one program and lets it go again.
pub(super) fn try_hook(ebpf: &mut Ebpf, name: &'static str) -> Result<(), LoadError> {
    let missing = || ProgramError::InvalidName { name: name.to_owned() };
    let tried = ebpf.program_mut(name).ok_or_else(missing).and_then(load_program);
    named(name, tried)
}

/// Reads the object, fits it to this kernel, and makes the maps.
pub(super) fn parse(options: &LoadOptions) -> Result<Ebpf, LoadError> {
    let default = code(options.default);
    let (only_uid, is_uid_limited) = options.uid.map_or((0, 0), |uid| (uid, 1_u32));
    let (cells, cell_mask) = (cells(options), cells(options) - 1);
    // It reads the kernel's types by itself.
    let mut loader = EbpfLoader::new();
    let is_typed = u32::from(machine::types_tasks());
    loader
        .override_global("is_typed", &is_typed, true)
        .override_global("default_verdict", &default, true)
        .override_global("only_uid", &only_uid, true)
        .override_global("cell_mask", &cell_mask, true)
        .override_global("is_uid_limited", &is_uid_limited, true)
        .map_max_entries("procs", options.processes.max(1));
    for name in ["slots", "cells", "udp_flows"] {
        loader.map_max_entries(name, cells);
    }
    loader.load(OBJECT).map_err(|error| {
        let denied = cause(&error).is_some_and(|error| error.raw_os_error() == Some(libc::EPERM));
        match error {
            error if denied && machine::locks_maps() => {
                LoadError::LockedMemory { source: Box::new(error) }
            }
            // The capability is there, but not in the first user namespace.
            _ if denied => LoadError::Capability { name: "CAP_BPF" },
            error => LoadError::Object { source: Box::new(error) },
        }
    })
}

/// Finds the I/O error at the bottom of `error`.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn program<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, ProgramError>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    let missing = || ProgramError::InvalidName { name: name.to_owned() };
    ebpf.program_mut(name).ok_or_else(missing)?.try_into()
}

fn attach_address(ebpf: &mut Ebpf, name: &str, cgroup: &File) -> Result<(), ProgramError> {
    let program: &mut CgroupSockAddr = program(ebpf, name)?;
    program.attach(cgroup, CgroupAttachMode::Single).map(drop)
}

fn attach_release(ebpf: &mut Ebpf, cgroup: &File) -> Result<(), ProgramError> {
    let program: &mut CgroupSock = program(ebpf, RELEASE_HOOK)?;
    program.attach(cgroup, CgroupAttachMode::Single).map(drop)
}

fn attach_tracepoint(ebpf: &mut Ebpf, name: &str, at: &str) -> Result<(), ProgramError> {
    let program: &mut RawTracePoint = program(ebpf, name)?;
    program.attach(at).map(drop)
}

/// Says which hook failed, and the verifier's last words at debug.
fn named<T>(name: &'static str, result: Result<T, ProgramError>) -> Result<T, LoadError> {
    result.map_err(|error| {
        let (io_error, verifier_log) = match error {
            ProgramError::LoadError { io_error, verifier_log } => (io_error, verifier_log),
            // The program was loaded, so that no right is missing.
            ProgramError::SyscallError(error)
                if error.io_error.raw_os_error() == Some(libc::EPERM) =>
            {
                return LoadError::Taken { name, source: Box::new(error) };
            }
            error => return LoadError::Hook { name, source: Box::new(error) },
        };
        let log = verifier_log.to_string();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        debug!(hook = name, log = tail, "refused by the verifier");
        LoadError::Hook { name, source: Box::new(io_error) }
    })
}
