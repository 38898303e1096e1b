//! The network of a local cluster: a namespace of its own, tied to the host by a veth pair.
//!
//! Each cluster has a number that no other has. Its addresses follow from it, so that clusters run side by side and the host
//! reaches the nodes, pods and services of all of them. No traffic leaves the machine.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::{run, run_command};
use crate::layout::{Layout, RUN};
use crate::process::entered;

/// How many clusters one machine has addresses for.
const NUMBERS: u8 = 16;

/// The addresses of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet(u8);

impl Subnet {
    /// The node's address, where the API server listens too.
    pub fn node(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 89, self.0, 1)
    }

    /// The host's end: what listens here is reached by pods and by the host.
    pub fn host(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 89, self.0, 2)
    }

    /// The range of pods.
    pub fn pods(self) -> String {
        format!("10.90.{}.0/24", self.0)
    }

    /// The range of services.
    pub fn services(self) -> String {
        format!("10.91.{}.0/20", self.0 * 16)
    }

    /// The service `kubernetes`.
    pub fn api_service(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 91, self.0 * 16, 1)
    }

    /// The service `kube-dns`.
    pub fn dns_service(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 91, self.0 * 16, 10)
    }

    /// The address of the API server.
    pub fn server(self) -> String {
        format!("https://{}:6443", self.node())
    }

    fn host_link(self) -> String {
        format!("salvor-h{}", self.0)
    }

    fn node_link(self) -> String {
        format!("salvor-n{}", self.0)
    }

    /// The addresses that a cluster has been given.
    pub fn of(layout: &Layout) -> Option<Self> {
        let text = fs::read_to_string(number_file(layout)).ok()?;
        text.trim().parse().ok().filter(|number| *number < NUMBERS).map(Self)
    }
}

/// Gives a cluster addresses that nothing on this machine uses.
pub fn reserve(layout: &Layout) -> Result<Subnet> {
    if let Some(subnet) = Subnet::of(layout) {
        return Ok(subnet);
    }
    let lock =
        fs::File::create(Path::new(RUN).join(".lock")).context("failed to open the lock of the clusters")?;
    lock.lock().context("failed to wait for the lock of the clusters")?;
    let mut taken = used_numbers(&run("ip", ["-4", "-o", "addr", "show"])?);
    taken.extend(
        Layout::existing().iter().filter_map(|name| Subnet::of(&Layout::new(name).ok()?)).map(|s| s.0),
    );
    let free = (0..NUMBERS).find(|number| !taken.contains(number));
    let number =
        free.with_context(|| format!("all {NUMBERS} subnets 10.89.N.0/24 are in use: take a cluster down"))?;
    fs::write(number_file(layout), number.to_string()).context("failed to record the subnet")?;
    Ok(Subnet(number))
}

fn number_file(layout: &Layout) -> std::path::PathBuf {
    layout.run().join("subnet")
}

/// The third octets of the addresses 10.89.*.* in a listing.
fn used_numbers(listing: &str) -> BTreeSet<u8> {
    let octet = |word: &str| word.strip_prefix("10.89.")?.split('.').next()?.parse().ok();
    listing.split_whitespace().filter_map(octet).collect()
}

/// Makes the namespace and ties it to the host.
pub fn create(layout: &Layout, subnet: Subnet) -> Result<()> {
    let (netns, outside, inside) = (layout.netns(), subnet.host_link(), subnet.node_link());
    let steps = [
        format!("netns add {netns}"),
        format!("link add {outside} type veth peer name {inside} netns {netns}"),
        format!("addr add {}/24 dev {outside}", subnet.host()),
        format!("link set {outside} up"),
        format!("-n {netns} addr add {}/24 dev {inside}", subnet.node()),
        format!("-n {netns} link set {inside} up"),
        format!("-n {netns} link set lo up"),
        format!("-n {netns} route add default via {}", subnet.host()),
        format!("route add {} via {}", subnet.pods(), subnet.node()),
        format!("route add {} via {}", subnet.services(), subnet.node()),
    ];
    for step in steps {
        run("ip", step.split(' ')).with_context(|| format!("failed to run ip {step}"))?;
    }
    run_command(entered(layout, Path::new("/bin/busybox")).args(["sysctl", "-w", "net.ipv4.ip_forward=1"]))?;
    Ok(())
}

/// Removes the namespace and the host's end of the pair.
pub fn remove(layout: &Layout) -> Result<()> {
    if let Some(subnet) = Subnet::of(layout)
        && Path::new("/sys/class/net").join(subnet.host_link()).exists()
    {
        run("ip", ["link", "del", &subnet.host_link()])?;
    }
    if layout.netns_path().exists() {
        run("ip", ["netns", "del", &layout.netns()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_use_are_read_from_the_listing() {
        let listing =
            "1: lo inet 127.0.0.1/8 scope host lo\n7: x inet 10.89.3.2/24 brd 10.89.3.255 scope global x\n";
        assert_eq!(used_numbers(listing), BTreeSet::from([3]));
    }

    #[test]
    fn addresses_of_two_clusters_do_not_meet() {
        let (first, last) = (Subnet(0), Subnet(NUMBERS - 1));
        assert_eq!((first.services().as_str(), last.services().as_str()), ("10.91.0.0/20", "10.91.240.0/20"));
        assert_eq!(last.dns_service(), Ipv4Addr::new(10, 91, 240, 10));
        assert_ne!(first.pods(), last.pods());
    }
}
