//! Blocks of one backup whose hooks run side by side, where the server was told so: `--item-block-worker-count`.

use super::hooks::{pod, results, times, words};
use super::*;
use cluster::clock::instant;

/// Pods that share nothing, so that each is a block of its own.
const PODS: [&str; 4] = ["p0", "p1", "p2", "p3"];

/// What servers are given that bring so many blocks to rest at once.
fn with_workers(deps: Arc<Deps>, workers: usize) -> Arc<Deps> {
    set(deps, |config| config.backup.item_block_workers = workers)
}

/// The shop with these pods, each of which takes ten seconds to come to rest.
fn slow() -> World {
    let world = shop();
    world.fake.run_pods();
    for name in PODS {
        let thaw = format!("[\"echo\", \"thaw-{name}\"]");
        let hooks = json!({"pre.hook.backup.velero.io/command": "[\"sleep\", \"10\"]", "post.hook.backup.velero.io/command": thaw});
        world.seed(pod(name, &hooks));
    }
    world
}

#[tokio::test(start_paused = true)]
async fn blocks_are_brought_to_rest_side_by_side_as_many_as_the_server_was_told() {
    for (workers, seconds) in [(0, 40), (1, 40), (2, 20), (3, 20), (4, 10), (9, 10)] {
        let world = slow();
        let began = instant();
        work(&world, &with_workers(world.deps(), workers), &BACKUP, "b").await.unwrap();
        let took = began.elapsed().as_secs();
        assert!((seconds..seconds + 5).contains(&took), "{workers} workers took {took} s");
        let status = world.get::<Backup>("b").await.unwrap().status;
        assert_eq!(status.phase, BackupPhase::Completed, "{status:?}");
        let hooks = status.hook_status.unwrap();
        assert_eq!((hooks.hooks_attempted, hooks.hooks_failed), (8, 0), "{workers} workers");
    }
}

#[tokio::test(start_paused = true)]
async fn cut_off_at_any_call_blocks_side_by_side_are_released_and_run_no_hook_twice() {
    for after_effect in [false, true] {
        for nth in 1.. {
            let world = slow();
            let fault = Fault::call(nth).then_dead();
            let fault = if after_effect { fault.after_effect() } else { fault };
            let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(fault)));
            let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
            let _died = work(&world, &with_workers(deps, 3), &BACKUP, "b").await;
            work(&world, &with_workers(world.deps(), 3), &BACKUP, "b").await.unwrap();
            if !faulty.struck() {
                assert!(nth > 15, "the loop has cut off {nth} calls only");
                break;
            }
            let told = format!("call {nth}: {:?}", world.fake.commands());
            for name in PODS {
                let at_rest = |of: &&String| of.contains(&format!("/{name} ")) && of.ends_with("10");
                assert!(world.fake.commands().iter().filter(at_rest).count() <= 1, "{told}");
                let released = times(&words(&world), &format!("thaw-{name}"));
                let again = results(&world).await.contains("SLV-1154");
                assert!(
                    released == 1 || released == 2 && again,
                    "{name} was released {released} times: {told}"
                );
            }
            let items = world.get::<Backup>("b").await.unwrap().status.progress.unwrap();
            assert_eq!(items.items_backed_up, 15, "{told}");
        }
    }
}
