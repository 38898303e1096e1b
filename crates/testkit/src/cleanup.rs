//! Removing what a cluster leaves behind, also after a crash: containers, mounts, control groups.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::run;
use crate::layout::Layout;
use crate::process::{Process, kill, start_time};
use crate::wait::{Look, until};

/// Where control groups are mounted.
const CGROUPS: &str = "/sys/fs/cgroup";
/// How long killed processes may take to go.
const GONE: Duration = Duration::from_secs(30);

/// Makes the root of the cluster's control groups, in every hierarchy that the machine has.
pub(crate) fn create_cgroups(layout: &Layout) -> Result<()> {
    for path in cgroup_roots(layout) {
        fs::create_dir_all(&path).with_context(|| format!("failed to make {}", path.display()))?;
    }
    Ok(())
}

/// The cluster's control group in each hierarchy: one when they are unified, else one for each controller.
fn cgroup_roots(layout: &Layout) -> Vec<PathBuf> {
    let own = layout.cgroup().trim_start_matches('/').to_owned();
    if Path::new(CGROUPS).join("cgroup.controllers").exists() {
        return vec![Path::new(CGROUPS).join(own)];
    }
    let hierarchies = fs::read_dir(CGROUPS).into_iter().flatten().flatten().map(|entry| entry.path());
    let mounted = hierarchies.filter(|path| path.join("cgroup.procs").exists());
    // Two names of one hierarchy are one folder.
    let distinct: BTreeSet<PathBuf> = mounted.filter_map(|path| path.canonicalize().ok()).collect();
    distinct.into_iter().map(|path| path.join(&own)).collect()
}

/// Kills every process of the cluster and waits until all of them are gone.
pub(crate) async fn kill_processes(layout: &Layout) -> Result<()> {
    let recorded = Process::all(layout);
    // First those that would start others again.
    for name in ["kubelet", "containerd"] {
        recorded.iter().filter(|process| process.name == name).for_each(Process::kill);
    }
    recorded.iter().for_each(Process::kill);
    until("the processes of the cluster did not end", GONE, || async {
        let left = containers(layout);
        left.iter().copied().for_each(kill);
        let alive = recorded.iter().filter(|process| process.alive()).count() + left.len();
        Ok(if alive == 0 { Look::Done(()) } else { Look::NotYet(format!("{alive} are left")) })
    })
    .await
}

/// The processes that run in the cluster's control groups, and the shims that hold them.
fn containers(layout: &Layout) -> BTreeSet<i32> {
    let folders = cgroup_roots(layout).into_iter().flat_map(|root| tree(&root));
    let mut found: BTreeSet<i32> = folders.flat_map(|folder| members(&folder)).collect();
    found.extend(shims(layout));
    found.retain(|pid| start_time(*pid).is_some());
    found
}

/// The processes of one control group.
fn members(folder: &Path) -> Vec<i32> {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Kills the processes of a pod, which is known by its UID; how many there were.
pub(crate) fn kill_pod(layout: &Layout, uid: &str) -> usize {
    let pod = format!("pod{uid}");
    let folders = cgroup_roots(layout).into_iter().flat_map(|root| tree(&root));
    let own = folders.filter(|folder| folder.iter().any(|part| part == pod.as_str()));
    let found: BTreeSet<i32> = own.flat_map(|folder| members(&folder)).collect();
    found.iter().copied().for_each(kill);
    found.len()
}

fn shims(layout: &Layout) -> Vec<i32> {
    let socket = layout.containerd_socket().display().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok());
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        is_shim_of(&line, &socket)
    })
    .collect()
}

fn is_shim_of(command_line: &[u8], socket: &str) -> bool {
    let mut words = command_line.split(|byte| *byte == 0);
    let program = words.next().unwrap_or_default();
    let name = program.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name.starts_with(b"containerd-shim") && words.any(|word| word == socket.as_bytes())
}

/// A folder and all below it, children first.
fn tree(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(tree(&entry.path()));
        }
    }
    if root.is_dir() {
        found.push(root.to_owned());
    }
    found
}

/// Removes the cluster's control groups, which must be empty.
pub(crate) async fn remove_cgroups(layout: &Layout) -> Result<()> {
    until("the control groups could not be removed", GONE, || async {
        let folders = cgroup_roots(layout).iter().flat_map(|root| tree(root)).collect::<Vec<_>>();
        let failed = folders.iter().filter_map(|folder| fs::remove_dir(folder).err()).next();
        Ok(failed.map_or(Look::Done(()), |error| Look::NotYet(error.to_string())))
    })
    .await
}

/// Unmounts everything below the cluster's folders.
pub(crate) fn unmount(layout: &Layout) -> Result<()> {
    for folder in [layout.run(), layout.data()] {
        for point in mounts_below(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default(), folder) {
            run("umount", ["--lazy", "--no-mtab", &point])?;
        }
        let left = mounts_below(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default(), folder);
        if let Some(point) = left.first() {
            bail!("{point} is still mounted");
        }
    }
    Ok(())
}

/// The mount points below a folder, the last first.
fn mounts_below(table: &str, folder: &Path) -> Vec<String> {
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape);
    let mut below: Vec<String> = points.filter(|point| Path::new(point).starts_with(folder)).collect();
    below.reverse();
    below
}

/// The table writes a space as `\040`.
fn unescape(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

/// Removes the sockets of the shims, which lie in a folder of all clusters.
pub(crate) fn remove_shim_sockets(layout: &Layout) {
    let tasks = layout.data().join("containerd/state/io.containerd.runtime.v2.task/k8s.io");
    for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
        let address = fs::read_to_string(task.path().join("address")).unwrap_or_default();
        if let Some(socket) = address.trim().strip_prefix("unix://") {
            drop(fs::remove_file(socket));
        }
    }
}

/// Removes the links to containers' logs that the kubelet makes in a folder of the whole machine.
pub(crate) fn remove_log_links(layout: &Layout) {
    for entry in fs::read_dir("/var/log/containers").into_iter().flatten().flatten() {
        if fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(layout.data())) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// Removes the cluster's folders, in which nothing may be mounted any more.
pub(crate) fn remove_folders(layout: &Layout) -> Result<()> {
    for folder in [layout.data(), layout.run()] {
        match fs::remove_dir_all(folder) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("failed to remove {}", folder.display()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_mounts_come_first_and_neighbours_stay() {
        let table = "1 0 8:1 / / rw - ext4 a rw\n2 1 8:1 /x /d/one rw - ext4 a rw\n3 2 0:5 / /d/one/a\\040b rw - tmpfs t rw\n\
                     4 1 0:6 / /d/one-more rw - tmpfs t rw\n";
        assert_eq!(mounts_below(table, Path::new("/d/one")), ["/d/one/a b", "/d/one"]);
    }

    #[test]
    fn only_this_clusters_shims_are_killed() {
        let line = b"/usr/bin/containerd-shim-runc-v2\0-namespace\0k8s.io\0-address\0/run/salvor/a/containerd.sock\0";
        assert!(is_shim_of(line, "/run/salvor/a/containerd.sock"));
        assert!(!is_shim_of(line, "/run/salvor/b/containerd.sock"));
        assert!(!is_shim_of(
            b"/usr/bin/vi\0/run/salvor/a/containerd.sock\0",
            "/run/salvor/a/containerd.sock"
        ));
    }
}
