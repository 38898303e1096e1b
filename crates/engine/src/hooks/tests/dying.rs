//! Executors that die at any step, and what has run when the last of them is done.

use super::*;
use crate::hooks::restore::RestoreHook;
use proptest::prelude::*;

/// Hooks of restores: of which item each is, and whether the ones after it go on if it fails.
pub(super) fn restore_hooks(of: &[(u32, bool)]) -> Vec<RestoreHook> {
    let hook = |(item, goes_on): &(u32, bool)| RestoreHook {
        item: *item,
        wait_timeout: GoDuration::from_secs(60),
        wait_for_ready: false,
        exec: exec(Kind::Restored, *item, *goes_on),
    };
    of.iter().map(hook).collect()
}

fn exec(kind: Kind, pod: u32, goes_on: bool) -> Exec {
    Exec {
        kind,
        namespace: "shop".into(),
        pod: format!("pod-{pod}"),
        container: "main".into(),
        command: vec!["true".into()],
        timeout: TIMEOUT,
        on_error: if goes_on { OnError::Continue } else { OnError::Fail },
        source: Source::Annotation,
        unfit: None,
    }
}

/// What the executor does about a hook.
enum Does {
    Nothing,
    Settles(Outcome),
    Runs,
}

/// Runs hooks, dying after each number of steps in `lives`; then to the end. How often each command ran, and the journal.
fn run(
    count: u32,
    next: impl Fn(u32, &Steps) -> Does,
    fails: impl Fn(u32) -> bool,
    end: impl Fn(u32, u32, &Run) -> Outcome,
    lives: &[usize],
) -> (Vec<u32>, Steps) {
    let (mut ran, mut journal) = (vec![0; count as usize], Steps::default());
    for life in lives.iter().copied().chain([usize::MAX]) {
        let mut left = life;
        let mut step = || {
            left = left.saturating_sub(1);
            left > 0
        };
        'life: for number in 0..count {
            match next(number, &journal) {
                Does::Nothing => {}
                Does::Settles(outcome) => {
                    if !step() {
                        break 'life;
                    }
                    journal.end(number, outcome);
                }
                Does::Runs => {
                    if !step() {
                        break 'life;
                    }
                    journal.begin(number);
                    if !step() {
                        break 'life;
                    }
                    ran[number as usize] += 1;
                    if !step() {
                        break 'life;
                    }
                    let code = i32::from(fails(number));
                    journal.end(number, end(number, journal.begun(number), &ended(code)));
                }
            }
        }
    }
    (ran, journal)
}

proptest! {
    #[test]
    fn a_pre_hook_runs_once_at_most_and_what_began_is_released(
        pods in 1u32..4,
        goes_on in proptest::collection::vec(any::<bool>(), 12),
        fails in proptest::collection::vec(any::<bool>(), 12),
        lives in proptest::collection::vec(1usize..12, 0..4),
    ) {
        let mut hooks: Vec<BackupHook> = (0..pods).flat_map(|pod| [Kind::Pre, Kind::Pre, Kind::Post].map(|kind| (pod, kind)))
            .zip(&goes_on)
            .map(|((pod, kind), goes_on)| BackupHook { block: pod / 2, exec: exec(kind, pod, *goes_on) })
            .collect();
        hooks.sort_by_key(|hook| (hook.block, hook.exec.kind));
        let next = |number, steps: &Steps| match backup::next(&hooks, number, steps) {
            backup::Next::Nothing => Does::Nothing,
            backup::Next::Settle(outcome) => Does::Settles(outcome),
            backup::Next::Run => Does::Runs,
        };
        let end = |number: u32, begun, run: &Run| backup::ended(&hooks[number as usize], begun, run);
        let (ran, journal) = run(hooks.len() as u32, next, |number| fails[number as usize], end, &lives);
        for (number, hook) in (0u32..).zip(&hooks) {
            let times = ran[number as usize];
            let outcome = journal.outcome(number).unwrap();
            match hook.exec.kind {
                Kind::Post => {
                    let began = (0u32..).zip(&hooks).any(|(other, of)| {
                        of.exec.pod == hook.exec.pod && of.exec.kind == Kind::Pre && ran[other as usize] > 0
                    });
                    prop_assert!(times > 0 || !began, "{} was not released", hook.exec.pod);
                    let warned = outcome.problems.iter().any(|problem| problem.code == "SLV-1154");
                    prop_assert!(times < 2 || warned, "it ran {} times in silence", times);
                }
                _ => {
                    prop_assert!(times <= 1, "a pre hook ran {} times", times);
                    prop_assert_eq!(outcome.end == End::Succeeded, times == 1 && outcome.problems.is_empty());
                    prop_assert!(times > 0 || outcome.end != End::Succeeded);
                }
            }
        }
        if lives.is_empty() {
            prop_assert!(ran.iter().all(|times| *times <= 1));
        }
    }

    #[test]
    fn a_restore_hook_runs_once_at_most_and_those_of_other_pods_run_in_any_case(
        of in proptest::collection::vec((0u32..3, any::<bool>()), 1..8),
        fails in proptest::collection::vec(any::<bool>(), 8),
        lives in proptest::collection::vec(1usize..12, 0..4),
    ) {
        let mut of = of;
        of.sort_by_key(|(item, _)| *item);
        let hooks = restore_hooks(&of);
        let next = |number, steps: &Steps| match restore::next(&hooks, number, Action::Created, steps) {
            restore::Next::Nothing => Does::Nothing,
            restore::Next::Settle(outcome) => Does::Settles(outcome),
            restore::Next::Await => Does::Runs,
        };
        let end = |number: u32, _, run: &Run| Outcome::ran(&hooks[number as usize].exec, run);
        let (ran, journal) = run(hooks.len() as u32, next, |number| fails[number as usize], end, &lives);
        prop_assert!(ran.iter().all(|times| *times <= 1), "{:?}", ran);
        for (number, hook) in (0u32..).zip(&hooks) {
            let outcome = journal.outcome(number).unwrap();
            let first = hooks.iter().position(|other| other.item == hook.item) == Some(number as usize);
            prop_assert!(!first || outcome.end != End::NotRun, "another pod kept it from running");
            prop_assert_eq!(outcome.end == End::CutOff, outcome.problems.iter().any(|of| of.code == "SLV-2082"));
        }
    }
}
