//! What the processes of a pod have used: the pods of a local cluster are processes of this machine.

use std::fs;

/// What a pod has used since its processes began, or since [`forget_peak`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// The largest resident memory of each process, added up, in MiB.
    pub(crate) memory: f64,
    /// Processor time, in seconds, of its processes and of those of them that have ended.
    pub(crate) cpu: f64,
}

/// Ticks of the processor clock in a second: what Linux tells every program, whatever the kernel's own is.
const TICKS: f64 = 100.0;

/// What the pod with this UID has used.
pub(crate) fn of_pod(uid: &str) -> Usage {
    let mut usage = Usage::default();
    for process in processes(uid) {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        usage.memory += peak_kib(&status) / 1024.0;
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        usage.cpu += ticks(&stat) / TICKS;
    }
    usage
}

/// The largest resident memory of a process so far, in MiB; none once it has ended.
pub(crate) fn peak_of(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(peak_kib(&status) / 1024.0).filter(|peak| *peak > 0.0)
}

/// The largest resident memory is counted from now on.
pub(crate) fn forget_peak(uid: &str) {
    for process in processes(uid) {
        // Of a process that has just ended there is nothing to forget.
        drop(fs::write(format!("/proc/{process}/clear_refs"), "5"));
    }
}

fn processes(uid: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let in_pod = |process: &u32| {
        fs::read_to_string(format!("/proc/{process}/cgroup")).is_ok_and(|groups| groups.contains(uid))
    };
    numbers.filter(in_pod).collect()
}

fn peak_kib(status: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Fields 14 to 17 of `stat`, counted behind the name, which may hold blanks.
fn ticks(stat: &str) -> f64 {
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        assert_eq!(peak_kib("VmPeak:\t 9 kB\nVmHWM:\t  2048 kB\n"), 2048.0);
        let stat = "7 (a b) S 1 1 1 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 1 0 5";
        assert_eq!(ticks(stat), 110.0);
        let own = fs::read_to_string("/proc/self/status").unwrap();
        assert!(peak_kib(&own) > 100.0);
    }
}
