//! The driver on a cluster in memory, with terms of a second.

use super::*;
use crate::clock::SystemClock;
use crate::fake::{FakeCluster, Fault, Faulty};
use crate::streams::{ExecRequest, PodRef};

fn options(identity: &str) -> LeaseOptions {
    LeaseOptions {
        namespace: "default".into(),
        name: "velero-server".into(),
        identity: identity.into(),
        terms: Terms {
            duration: Duration::from_secs(1),
            renew_deadline: Duration::from_millis(600),
            retry: Duration::from_millis(50),
        },
        clock: Arc::new(SystemClock),
    }
}

fn lease() -> ObjectRef {
    let resource = ResourceType::addressed("coordination.k8s.io", "v1", "leases", "Lease", true);
    ObjectRef { resource, namespace: Some("default".into()), name: "velero-server".into() }
}

fn start(cluster: &FakeCluster, identity: &str) -> Election {
    Election::start(Arc::new(cluster.clone()), options(identity))
}

#[tokio::test]
async fn one_leads_and_renews_and_the_next_follows_at_once_when_it_is_released() {
    let cluster = FakeCluster::new();
    let first = start(&cluster, "first");
    let leadership = first.standing().won().await.unwrap();
    assert!(first.standing().leads());
    let second = start(&cluster, "second");
    let mut renewals = first.standing().channel();
    renewals
        .wait_for(|state| state.as_ref().is_some_and(|now| now.held_until > leadership.held_until))
        .await
        .unwrap();
    assert!(!second.standing().leads() && !leadership.lost.is_cancelled());

    first.release().await;
    assert!(leadership.lost.is_cancelled());
    second.standing().won().await.unwrap();
    let spec = cluster.get(&lease()).await.unwrap()["spec"].take();
    assert_eq!((&spec["holderIdentity"], &spec["leaseTransitions"]), (&json!("second"), &json!(1)));
    assert_eq!(spec["renewTime"].as_str().unwrap().len(), "2026-01-01T00:00:00.000000Z".len());
}

#[tokio::test]
async fn a_lease_whose_holder_is_gone_is_taken_when_it_expires() {
    let cluster = FakeCluster::new();
    let first = start(&cluster, "first");
    first.standing().won().await.unwrap();
    // It dies without a word.
    first.driver.as_ref().unwrap().abort();
    let begin = SystemClock.boot();
    let second = start(&cluster, "second");
    second.standing().won().await.unwrap();
    assert!(SystemClock.boot().since(begin) >= Duration::from_millis(900));
}

#[tokio::test]
async fn whoever_loses_the_server_loses_the_lease_in_time() {
    let fake = FakeCluster::new();
    let cluster = Arc::new(Faulty::new(Arc::new(fake.clone()), Some(Fault::write(3).then_dead())));
    let election = Election::start(cluster, options("us"));
    let leadership = election.standing().won().await.unwrap();
    leadership.lost.cancelled().await;
    assert!(!election.standing().leads());
    assert_eq!(fake.get(&lease()).await.unwrap()["spec"]["holderIdentity"], "us");
}

#[tokio::test]
async fn a_lost_answer_costs_no_term() {
    let fake = FakeCluster::new();
    for nth in 1..=3 {
        let cluster = Arc::new(Faulty::new(Arc::new(fake.clone()), Some(Fault::write(nth).after_effect())));
        let election =
            Election::start(Arc::clone(&cluster) as Arc<dyn Cluster>, options(&format!("us-{nth}")));
        let leadership = election.standing().won().await.unwrap();
        let mut renewals = election.standing().channel();
        while cluster.writes() < nth + 2 {
            renewals.changed().await.unwrap();
        }
        assert!(!leadership.lost.is_cancelled(), "write {nth}");
        election.release().await;
    }
}

#[tokio::test]
async fn what_others_wrote_into_the_lease_stays() {
    let cluster = FakeCluster::new();
    let document = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "velero-server", "namespace": "default", "labels": {"kept": "yes"}},
        "spec": {"holderIdentity": "", "strategy": "OldestEmulationVersion", "leaseTransitions": 7}});
    cluster.seed([document]);
    let election = start(&cluster, "us");
    election.standing().won().await.unwrap();
    let lease = cluster.get(&lease()).await.unwrap();
    assert_eq!(lease["metadata"]["labels"]["kept"], "yes");
    assert_eq!(lease["spec"]["strategy"], "OldestEmulationVersion");
    assert_eq!(lease["spec"]["leaseTransitions"], 8);
}

/// The runtime's time, and on top of it the time that the process stood still.
struct Stopped {
    since: tokio::time::Instant,
    still: std::sync::Mutex<Duration>,
}

impl Stopped {
    fn stand_still(&self, time: Duration) {
        *self.still.lock().unwrap() += time;
    }
}

impl LeaseClock for Stopped {
    fn boot(&self) -> BootTime {
        BootTime(self.since.elapsed() + *self.still.lock().unwrap())
    }

    fn wall(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// A server that leads for ten seconds.
fn leading() -> (Arc<Stopped>, watch::Sender<Option<Leadership>>, Standing) {
    let clock =
        Arc::new(Stopped { since: crate::clock::instant(), still: std::sync::Mutex::new(Duration::ZERO) });
    let held_until = BootTime(Duration::from_secs(10));
    let (sender, state) = watch::channel(Some(Leadership { held_until, lost: CancellationToken::new() }));
    let standing = Standing { state, clock: Arc::clone(&clock) as _ };
    (clock, sender, standing)
}

#[tokio::test(start_paused = true)]
async fn work_ends_with_the_term_and_goes_on_where_it_is_renewed() {
    let (_, sender, standing) = leading();
    let nine = standing.while_leading(sleep(Duration::from_secs(9)));
    assert!(nine.await.is_some());
    assert!(standing.while_leading(sleep(Duration::from_secs(9))).await.is_none());
    assert!(standing.while_leading(async {}).await.is_none(), "nothing begins after it");
    let renew = |seconds| {
        let held_until = BootTime(Duration::from_secs(seconds));
        sender.send_replace(Some(Leadership { held_until, lost: CancellationToken::new() }));
    };
    renew(30);
    let long = standing.while_leading(sleep(Duration::from_secs(60)));
    let renewals = async {
        for until in (40..100).step_by(10) {
            sleep(Duration::from_secs(5)).await;
            renew(until);
        }
    };
    assert!(tokio::join!(long, renewals).0.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stood_still_writes_nothing_more() {
    let fake = FakeCluster::new();
    let (clock, _sender, standing) = leading();
    let cluster = Fenced::new(Arc::new(fake.clone()), standing.clone());
    let resource = ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true);
    let at = |name: &str| ObjectRef {
        resource: resource.clone(),
        namespace: Some("default".into()),
        name: name.into(),
    };
    let map = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    cluster.create(&at("a"), &map("a"), WriteOptions::default()).await.unwrap();
    // In the middle of what it does: no timer has fired when it goes on.
    let stands_still = async {
        tokio::task::yield_now().await;
        clock.stand_still(Duration::from_secs(60));
        tokio::task::yield_now().await;
        fake.create(&at("b"), &map("b"), WriteOptions::default()).await
    };
    assert!(standing.while_leading(stands_still).await.is_none());
    let pod = PodRef { namespace: "default".into(), name: "web".into(), container: None };
    let request =
        ExecRequest { pod, command: vec!["true".into()], timeout: Duration::from_secs(30), output_max: 1 };
    let error = cluster.exec(&request).await.unwrap_err();
    assert!(error.to_string().contains(LEASE_IS_OVER), "{error}");
    assert!(fake.commands().is_empty());
    let error = cluster.create(&at("b"), &map("b"), WriteOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains(LEASE_IS_OVER), "{error}");
    assert_eq!(fake.get(&at("b")).await.unwrap_err().kind, ErrorKind::NotFound);
    cluster.get(&at("a")).await.unwrap();
}
