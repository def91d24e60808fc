//! Processes come, run other programs and go.

use std::path::PathBuf;
use std::process::Command;

use sidestream_bpf::{Event, Verdict, Verdicts};

use crate::client::started_ns;
use crate::ground::{Ground, on_ground};

/// Says what became of a connect in a child, before and after it runs another program.
const IN_A_CHILD: &str = r"
def connect():
    try: socket.create_connection(('192.0.2.7', 80), 5); return 'diverted'
    except OSError: return 'passed'
r, w = os.pipe()
child = os.fork()
if child == 0:
    os.write(w, connect().encode())
    os._exit(0)
os.waitpid(child, 0)
result = os.read(r, 99).decode()
";

#[test]
fn hands_the_childs_verdict_on_at_fork() {
    on_ground("hands_the_childs_verdict_on_at_fork", |ground| {
        let check = |own, child, expected: &str| {
            let mut client = ground.client_with(Verdicts { own, child, is_in_tree: false });
            assert_eq!(client.run(IN_A_CHILD), expected, "{own:?} {child:?}");
        };
        check(Verdict::Intercept, Verdict::Intercept, "diverted");
        check(Verdict::Intercept, Verdict::Pass, "passed");
        check(Verdict::Pass, Verdict::Intercept, "diverted");
        check(Verdict::Pass, Verdict::Undecided, "diverted");
    });
}

#[test]
fn forgets_the_verdict_at_exec() {
    on_ground("forgets_the_verdict_at_exec", |ground| {
        // What runs another program has no entry, which in these tests means that it is left alone.
        let mut client = ground.client();
        let code = "import subprocess\nresult = subprocess.run([sys.executable, '-c', \
            'import socket; socket.create_connection((\"192.0.2.7\", 80), 5)'], \
            stderr=subprocess.DEVNULL).returncode";
        assert_eq!(client.run(code), "1");
        assert_eq!(ground.hooks.counters().captured_tcp, 0);
    });
}

#[test]
fn tells_of_forks_execs_and_exits() {
    on_ground("tells_of_forks_execs_and_exits", |ground: &mut Ground| {
        let mut client = ground.client();
        let pid = client.pid();
        // `setpriv`'s path is the same everywhere it is; a symbolic link is followed.
        let shown = client.run(
            "os.symlink('/usr/bin/env', '/tmp/sidestream-bpf-%d' % os.getpid())\n\
             path = '/tmp/sidestream-bpf-%d' % os.getpid()\n\
             result = os.spawnv(os.P_WAIT, path, ['first', '', 'x' * 600])\n\
             os.unlink(path)",
        );
        assert_eq!(shown, "127");
        let (child, child_started_ns) = ground.event(|event| match event {
            Event::Fork { parent, child, child_started_ns } if *parent == pid => {
                Some((*child, *child_started_ns))
            }
            _ => None,
        });
        let exec = ground.event(|event| match event {
            Event::Exec { pid, .. } if *pid == child => Some(event.clone()),
            _ => None,
        });
        let Event::Exec { started_ns, parent, uid, path, args, .. } = exec else { unreachable!() };
        assert_eq!((started_ns, parent, uid), (child_started_ns, pid, 0));
        assert_eq!(path, PathBuf::from("/usr/bin/env").canonicalize().unwrap());
        let cut = vec![b'x'; 512 - b"first\0\0".len()];
        assert_eq!(args, [b"first".to_vec(), Vec::new(), cut]);
        let exit_ns = ground.event(|event| match event {
            Event::Exit { pid, started_ns } if *pid == child => Some(*started_ns),
            _ => None,
        });
        assert_eq!(exit_ns, child_started_ns);
    });
}

#[test]
fn tells_of_the_end_of_the_last_thread_only() {
    on_ground("tells_of_the_end_of_the_last_thread_only", |ground| {
        let mut client = ground.client();
        let (pid, started) = (client.pid(), started_ns(client.pid()));
        client.run(
            "import threading; t = threading.Thread(target=len, args=['']); t.start(); t.join()",
        );
        while let Some(event) = ground.events.next() {
            let ended = matches!(event, Event::Exit { pid: ended, .. } if ended == pid);
            assert!(!ended, "a thread is not the process");
        }
        client.begin("os._exit(0)");
        let exit_ns = ground.event(|event| match event {
            Event::Exit { pid: ended, started_ns } if *ended == pid => Some(*started_ns),
            _ => None,
        });
        assert_eq!(exit_ns / 10_000_000, started / 10_000_000);
    });
}

#[test]
fn gives_paths_as_the_process_sees_them() {
    on_ground("gives_paths_as_the_process_sees_them", |ground| {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let mut client = ground.client();
        // A statically linked program is at hand nowhere: the folder is bound whole instead.
        let code = format!(
            "import subprocess\n\
             result = subprocess.run(['unshare', '--mount', 'sh', '-c', \
             'mount --rbind / {root} && exec chroot {root} /usr/bin/env true'], \
             stderr=subprocess.DEVNULL).returncode",
            root = root.display()
        );
        if client.run(&code) != "0" {
            let name = "gives_paths_as_the_process_sees_them";
            return sidestream_testkit::skip(name, "mounts are forbidden");
        }
        let expected = PathBuf::from("/usr/bin/env").canonicalize().unwrap();
        let path = ground.event(|event| match event {
            Event::Exec { path, args, .. }
                if args.first().is_some_and(|arg| arg == b"/usr/bin/env") =>
            {
                Some(path.clone())
            }
            _ => None,
        });
        assert_eq!(path, expected);
    });
}

/// The holder of the hooks is in a pid namespace of its own here, and so counts from 1.
const NESTED: &str = "SIDESTREAM_BPF_NESTED";

#[test]
fn tells_pids_as_its_own_namespace_has_them() {
    let name = "tells_pids_as_its_own_namespace_has_them";
    if std::env::var_os(NESTED).is_some() {
        return on_ground(name, |ground| {
            assert!(std::process::id() < 10, "in a namespace of its own");
            let mut client = ground.client();
            client.run("socket.create_connection(('192.0.2.7', 80))");
            let (_stream, _, origin) = ground.accept();
            assert_eq!((origin.pid, origin.parent), (client.pid(), std::process::id()));
            let pid = client.pid();
            client.begin("os._exit(0)");
            ground.event(|event| match event {
                Event::Exit { pid: ended, .. } if *ended == pid => Some(()),
                _ => None,
            });
        });
    }
    if !sidestream_testkit::is_root() {
        return sidestream_testkit::skip(name, "needs root");
    }
    let nested = Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc"])
        .arg(std::env::current_exe().unwrap())
        .args([&format!("processes::{name}"), "--exact", "--nocapture"])
        .env(NESTED, "1")
        .output()
        .unwrap();
    assert!(nested.status.success(), "{}", String::from_utf8_lossy(&nested.stderr));
}
