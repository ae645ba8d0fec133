//! What a process of this machine spends, out of `/proc`; nothing where there is none. Changes
//! nothing and asks nothing of the process.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Linux tells processor time in hundredths of a second, whatever the kernel's own tick is.
const TICK: Duration = Duration::from_millis(10);
/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// A process of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(u32);

/// What a process has at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, of all its threads, since it was begun.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Open descriptors: files, connections. 0 for a process of another user.
    pub descriptors: usize,
}

/// What a process spent while it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Before the load.
    pub idle: Usage,
    /// When the counting began, after the warm-up.
    pub begun: Usage,
    /// When it ended.
    pub ended: Usage,
}

impl Spent {
    /// `None` where one of the moments is not known.
    pub(super) fn between(
        idle: Option<Usage>,
        begun: Option<Usage>,
        ended: Option<Usage>,
    ) -> Option<Self> {
        Some(Self {
            idle: idle?,
            begun: begun?,
            ended: ended?,
        })
    }

    /// Processor time.
    pub fn cpu(&self) -> Duration {
        self.ended.cpu.saturating_sub(self.begun.cpu)
    }
}

impl Process {
    /// This one.
    pub fn own() -> Self {
        Self(std::process::id())
    }

    /// That one.
    pub const fn new(pid: u32) -> Self {
        Self(pid)
    }

    /// The one of this machine, and visible to us, that listens there.
    pub fn listening(at: SocketAddr) -> Option<Self> {
        let inode = listener(at.port())?;
        let socket = PathBuf::from(format!("socket:[{inode}]"));
        let holds = |pid: &u32| {
            let open = fs::read_dir(format!("/proc/{pid}/fd"));
            let mut open = open.into_iter().flatten().flatten();
            open.any(|file| fs::read_link(file.path()).is_ok_and(|link| link == socket))
        };
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.find(holds).map(Self)
    }

    /// What it has by now; `None` when it is gone.
    pub fn usage(self) -> Option<Usage> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        // The second field is a name in brackets, which may hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
        let ticks = number(11)?.checked_add(number(12)?)?;
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = resident.split_whitespace().next()?.parse().ok()?;
        let open = fs::read_dir(format!("/proc/{}/fd", self.0));
        Some(Usage {
            cpu: TICK * ticks,
            memory: kibibytes * 1024,
            descriptors: open.map_or(0, Iterator::count),
        })
    }
}

/// The inode of the socket that listens at that port.
fn listener(port: u16) -> Option<u64> {
    let wanted = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| {
            let table = fs::read_to_string(table).ok()?;
            table.lines().skip(1).find_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let local = fields.get(1)?.ends_with(&wanted);
                let listens = fields.get(3) == Some(&LISTENING);
                fields.get(9)?.parse().ok().filter(|_| local && listens)
            })
        })
}
